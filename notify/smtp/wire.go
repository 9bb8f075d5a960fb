package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Step is one step of a conversation, for people who look on.
type Step struct {
	Phase Phase
	// Text is what was said and answered, printable and without secrets.
	Text string
	Took time.Duration
	// Command is what was said, without secrets; empty where nothing was.
	Command string
	// Reply is the answer, the zero Reply where there was none.
	Reply Reply
	// Peer is the address of the server, empty before there is a connection.
	Peer string
}

// Trace is told of every step as it ends. A nil Trace is fine.
type Trace func(Step)

// wire is the connection: it sends a line, reads a reply, each within its
// time. After an error it is closed for good.
type wire struct {
	raw     net.Conn // what is closed, whatever runs on top
	conn    net.Conn // raw, or TLS over it
	r       *bufio.Reader
	trace   Trace
	secrets redactor
	broken  bool
	// asked says that the server asked for a client certificate, which there is
	// none of.
	asked bool
}

func newWire(raw net.Conn, trace Trace) *wire {
	return &wire{raw: raw, conn: raw, r: bufio.NewReader(raw), trace: trace}
}

func (w *wire) step(phase Phase, began time.Time, text string) {
	w.tell(phase, began, text, "", Reply{})
}

func (w *wire) tell(phase Phase, began time.Time, text, command string, reply Reply) {
	if w.trace == nil {
		return
	}
	w.trace(Step{
		Phase: phase, Text: safe(w.secrets.hide(text), 2*maxText), Took: time.Since(began),
		Command: safe(w.secrets.hide(command), maxText), Reply: reply, Peer: w.raw.RemoteAddr().String(),
	})
}

// line is a command without its line end, and how it is shown when it holds a
// secret.
type line struct{ text, shown string }

// exchange sends a command and reads the reply to it. The time is for both
// together, so that a reply byte by byte helps nobody.
func (w *wire) exchange(ctx context.Context, phase Phase, l line, timeout time.Duration) (Reply, response, error) {
	began := time.Now()
	resp, err := w.roundTrip([]byte(l.text+"\r\n"), began.Add(timeout))
	shown := l.shown
	if shown == "" {
		shown = l.text
	}
	return w.heard(ctx, phase, began, shown, resp, err)
}

// listen reads a reply to what was sent already.
func (w *wire) listen(ctx context.Context, phase Phase, timeout time.Duration) (Reply, response, error) {
	began := time.Now()
	resp, err := w.roundTrip(nil, began.Add(timeout))
	return w.heard(ctx, phase, began, "", resp, err)
}

// heard tells the trace and makes what came safe.
func (w *wire) heard(
	ctx context.Context, phase Phase, began time.Time, shown string, resp response, err error,
) (Reply, response, error) {
	command := shown
	if shown != "" {
		shown += ": "
	}
	if err != nil {
		f := w.fail(ctx, phase, err)
		w.tell(phase, began, shown+f.Error(), command, Reply{})
		return Reply{}, response{}, f
	}
	reply := resp.reply(w.secrets.hide)
	if reply.Code == codeChallenge && phase == PhaseAuth {
		reply.Text = "" // may be a hash of the password with a salt
	}
	w.tell(phase, began, shown+reply.String(), command, reply)
	if reply.Code == codeClosing {
		w.shut()
	}
	return reply, resp, nil
}

func (w *wire) roundTrip(send []byte, deadline time.Time) (response, error) {
	if w.broken {
		return response{}, ErrClosed
	}
	if err := w.conn.SetDeadline(deadline); err != nil {
		return response{}, fmt.Errorf("set deadline: %w", err)
	}
	if send != nil {
		if w.r.Buffered() > 0 {
			return w.early()
		}
		if _, err := w.conn.Write(send); err != nil {
			return w.lastWords(err)
		}
	}
	return readResponse(w.r)
}

// lastWordsTimeout is how long a reply may take after a write has failed.
const lastWordsTimeout = time.Second

// lastWords looks after a failed write whether the server had said why it
// hung up. Only a refusal can be that, or an alert of TLS.
func (w *wire) lastWords(cause error) (response, error) {
	defer w.shut()
	if w.conn.SetReadDeadline(time.Now().Add(lastWordsTimeout)) != nil {
		return response{}, cause
	}
	resp, err := readResponse(w.r)
	if alert(err) {
		return response{}, err // TLS said why
	}
	if err != nil || resp.code < 400 {
		return response{}, cause
	}
	return resp, nil
}

// fail closes the wire and makes the Failure of an error.
func (w *wire) fail(ctx context.Context, phase Phase, err error) *Failure {
	w.shut()
	if bad, ok := errors.AsType[*badLine](err); ok {
		bad.line = w.secrets.hide(bad.line)
	}
	f := &Failure{Scope: Account, Class: Transient, Phase: phase, Err: err}
	if errors.Is(err, ErrProtocol) {
		f.Class = Protocol
	}
	if w.asked && alert(err) {
		f.Class = TLSBroken
		f.Err = fmt.Errorf("the server wants a client certificate, and Tocsin has none: %w", err)
	}
	if ctx.Err() != nil {
		f.Err = context.Cause(ctx)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		f.Err = fmt.Errorf("no answer in time: %w", err)
	}
	return f
}

// shut closes the connection without a word. It may be called twice.
func (w *wire) shut() {
	w.broken = true
	_ = w.raw.Close() // nothing more is expected of it
}
