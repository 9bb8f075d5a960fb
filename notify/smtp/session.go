package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Envelope is who a message is from and to on the wire.
type Envelope struct {
	// From is the bare address for MAIL; empty is the null reverse-path.
	From string
	// To holds the bare addresses for RCPT, at least one.
	To []string
}

// Status is what became of a message for one recipient. The zero value is
// Deferred.
type Status uint8

// The statuses.
const (
	Deferred Status = iota // not taken, may be tried again
	Accepted               // the server has taken it on
	Refused                // refused for good
)

var statusNames = [...]string{"deferred", "accepted", "refused"}

// String is the status's word in logs and in the spool.
func (s Status) String() string { return word(statusNames[:], int(s)) }

// Verdict is what one recipient got.
type Verdict struct {
	Address string
	Status  Status
	// Reply is the one that decided; zero when there was none.
	Reply Reply
	// Phase is where it was decided.
	Phase Phase
}

// Result is what a message got: one verdict for each Envelope.To, in order.
type Result struct {
	Recipients []Verdict
	// Ambiguous says that the server may have taken the message for the
	// deferred recipients that were not refused; see Failure.
	Ambiguous bool
}

// settle gives all recipients without a decision of their own the same one.
func (r *Result) settle(open []int, status Status, phase Phase, reply Reply) {
	for _, i := range open {
		r.Recipients[i].Status, r.Recipients[i].Phase, r.Recipients[i].Reply = status, phase, reply
	}
}

// Session is an open conversation. It takes one message after the other, and
// is for one goroutine at a time.
type Session struct {
	*wire

	server Server
	offers capabilities
	peer   net.Addr
}

// Reusable reports whether the session takes another message. It is false for
// ever after a protocol or network error.
func (s *Session) Reusable() bool { return !s.broken }

// quitTimeout bounds a Close.
const quitTimeout = time.Second

// Close says QUIT, waits at most a second for an answer and closes the
// connection. It returns nil: a message that was taken stays taken, whatever
// comes after it.
func (s *Session) Close() error {
	if s.broken {
		s.shut()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), quitTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.raw.Close() })
	defer stop()
	if _, _, err := s.exchange(ctx, PhaseQuit, line{text: "QUIT"}, quitTimeout); err == nil && !s.broken {
		_ = s.conn.Close() // lets TLS say good-bye
	}
	s.shut()
	return nil
}

// Send hands over one message: MAIL, RCPT for each recipient, DATA if at least
// one was accepted. The result has a verdict for every recipient, also beside
// an error. An error is a *Failure about the account or the message; refused
// recipients alone are none. When ctx ends, the connection is closed at once.
//
// The data is sent byte for byte. It must be ASCII with CRLF line ends and
// lines of at most 998 octets, else nothing is sent (ErrMalformed).
func (s *Session) Send(ctx context.Context, e Envelope, data []byte) (Result, error) {
	result := Result{Recipients: make([]Verdict, len(e.To))}
	open := make([]int, len(e.To))
	for i, address := range e.To {
		result.Recipients[i] = Verdict{Address: address, Phase: PhaseMail}
		open[i] = i
	}
	if err := s.acceptable(e, data); err != nil {
		f := &Failure{Scope: Message, Class: Permanent, Phase: PhaseMail, Err: err}
		if errors.Is(err, ErrClosed) {
			f.Scope, f.Class = Account, Transient
		} else {
			result.settle(open, Refused, PhaseMail, Reply{})
		}
		return result, f
	}
	stop := context.AfterFunc(ctx, func() { _ = s.raw.Close() })
	err := s.transact(ctx, e, data, &result)
	if !stop() {
		s.shut()
	}
	return result, err
}

// acceptable says why a message cannot be sent in this session.
func (s *Session) acceptable(e Envelope, data []byte) error {
	if s.broken {
		return ErrClosed
	}
	if len(e.To) == 0 {
		return fmt.Errorf("%w envelope: no recipient", ErrMalformed)
	}
	if err := checkPath(e.From); err != nil {
		return err
	}
	for _, to := range e.To {
		if to == "" {
			return fmt.Errorf("%w address: it is empty", ErrMalformed)
		}
		if err := checkPath(to); err != nil {
			return err
		}
	}
	if err := checkData(data); err != nil {
		return err
	}
	if limit, _ := s.offers.size(); limit > 0 && int64(len(data)) > limit {
		return fmt.Errorf("%w: it has %d bytes, the server takes %d", ErrTooLarge, len(data), limit)
	}
	return nil
}

// transact is one mail transaction (RFC 5321 3.3).
func (s *Session) transact(ctx context.Context, e Envelope, data []byte, result *Result) error {
	command := "MAIL FROM:<" + e.From + ">"
	if _, offered := s.offers.size(); offered {
		command += " SIZE=" + strconv.Itoa(len(data))
	}
	open := make([]int, len(e.To))
	for i := range open {
		open[i] = i
	}
	reply, _, err := s.exchange(ctx, PhaseMail, line{text: command}, s.server.timeout())
	if err != nil {
		return err
	}
	if reply.Code != codeOK {
		return s.give(ctx, result, open, s.refused(PhaseMail, reply))
	}
	accepted, err := s.recipients(ctx, e.To, result)
	if err != nil {
		return err
	}
	if len(accepted) == 0 {
		s.reset(ctx)
		return nil
	}
	reply, _, err = s.exchange(ctx, PhaseData, line{text: "DATA"}, s.server.timeout())
	if err != nil {
		result.settle(accepted, Deferred, PhaseData, Reply{})
		return err
	}
	if reply.Code != codeStartMail {
		return s.give(ctx, result, accepted, s.refused(PhaseData, reply))
	}
	return s.body(ctx, data, accepted, result)
}

// recipients says RCPT for each recipient and returns the indexes of those
// that were accepted. Whatever concerns the whole account ends it.
func (s *Session) recipients(ctx context.Context, to []string, result *Result) ([]int, error) {
	var accepted []int
	for i, address := range to {
		v := &result.Recipients[i]
		v.Phase = PhaseRecipient
		reply, _, err := s.exchange(ctx, PhaseRecipient, line{text: "RCPT TO:<" + address + ">"}, s.server.timeout())
		if err != nil {
			return nil, err
		}
		switch reply.Code {
		case codeOK, codeWillSend, codeCannotVRF:
			accepted = append(accepted, i)
			continue
		}
		f := s.refused(PhaseRecipient, reply)
		if f.Scope != Recipient {
			return nil, s.give(ctx, result, append(accepted, i), f)
		}
		v.Status, v.Reply = verdict(f), reply
	}
	return accepted, nil
}

// body sends the message and takes the server's word for it. From the final
// dot to the reply nobody knows whose message it is.
func (s *Session) body(ctx context.Context, data []byte, accepted []int, result *Result) error {
	result.settle(accepted, Deferred, PhaseDot, Reply{})
	began := time.Now()
	reply, done, err := s.write(ctx, data)
	if err != nil {
		return err
	}
	if !done {
		s.step(PhaseDot, began, fmt.Sprintf("sent %d bytes", len(data)))
		reply, _, err = s.exchange(ctx, PhaseDot, line{text: "."}, s.server.dotTimeout())
	}
	if err != nil {
		if f, ok := errors.AsType[*Failure](err); ok && !errors.Is(err, errEarly) {
			f.Ambiguous, result.Ambiguous = true, true
		}
		return err
	}
	if reply.Code == codeOK {
		result.settle(accepted, Accepted, PhaseDot, reply)
		return nil
	}
	f := s.refused(PhaseDot, reply)
	// A success that is not 250 says neither yes nor no.
	f.Ambiguous = f.Class == Protocol
	result.Ambiguous = f.Ambiguous
	// RSET, so that a server that answers twice is found out: its second answer
	// must not be taken for that to the next mail.
	return s.give(ctx, result, accepted, f)
}

// write sends all but the final dot. It is done when the server refused the
// message before the end of it.
func (s *Session) write(ctx context.Context, data []byte) (reply Reply, done bool, err error) {
	began := time.Now()
	if s.r.Buffered() > 0 {
		return Reply{}, false, s.fail(ctx, PhaseDot, errEarly)
	}
	err = writeBody(paced{s.conn, s.server.timeout()}, data)
	if err == nil && s.pending() {
		reply, err = s.premature(ctx, began)
		return reply, true, err
	}
	if err == nil {
		return Reply{}, false, nil
	}
	resp, err := s.lastWords(err)
	reply, _, err = s.heard(ctx, PhaseDot, began, "", resp, err)
	return reply, true, err
}

func verdict(f *Failure) Status {
	if f.Class == Permanent {
		return Refused
	}
	return Deferred
}

// give gives the recipients the verdict of a failure and ends the transaction,
// so that the session can take another message.
func (s *Session) give(ctx context.Context, result *Result, to []int, f *Failure) error {
	result.settle(to, verdict(f), f.Phase, f.Reply)
	s.reset(ctx)
	return f
}

// reset ends a transaction. When that fails the session is not reusable any
// more, which is all that comes of it.
func (s *Session) reset(ctx context.Context) {
	if s.broken {
		return
	}
	reply, _, err := s.exchange(ctx, PhaseReset, line{text: "RSET"}, s.server.timeout())
	if err == nil && reply.Code != codeOK {
		s.shut()
	}
}
