package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrNotRunning says that no agent answers at the socket.
var ErrNotRunning = errors.New("the agent is not running")

// ErrLongPath says that no socket can be at the path.
var ErrLongPath = fmt.Errorf("the path of a socket has at most %d bytes (unix(7)): set a shorter socket or state_dir", maxPath)

// PluginPatience is that of a monitoring plugin, which has ten seconds for
// everything (DEFAULT_SOCKET_TIMEOUT of the Nagios plugins), also to read the
// rule file.
const PluginPatience = 8 * time.Second

// maxPath is the size of sun_path, without the zero at its end.
const maxPath = 107

// Client asks the agent whose socket is at Path.
type Client struct {
	Path string

	// Patience, when set, is how long every answer may take at most.
	Patience time.Duration
}

// Retry lets a mail go now, or all of them when id is empty.
func (c Client) Retry(ctx context.Context, id string) error {
	return c.post(ctx, "retry", Request{ID: id})
}

// Drop gives a mail or an item up.
func (c Client) Drop(ctx context.Context, id string) error {
	return c.post(ctx, "drop", Request{ID: id})
}

// Hold keeps a mail or an item back until it is retried.
func (c Client) Hold(ctx context.Context, id string) error {
	return c.post(ctx, "hold", Request{ID: id})
}

// Requeue lets a mail of badmail go once more.
func (c Client) Requeue(ctx context.Context, id string) error {
	return c.post(ctx, "requeue", Request{ID: id})
}

// Reserve counts a mail to recipients in the quota of a mail server.
func (c Client) Reserve(ctx context.Context, server string, recipients int) error {
	return c.post(ctx, "reserve", Request{Server: server, Recipients: recipients})
}

// Down says that the machine goes down and waits until that is mailed, or there
// is no more time.
func (c Client) Down(ctx context.Context, kind string) error {
	return c.post(ctx, "down", Request{Kind: kind})
}

// Act does one of Verbs for the checks with the names, or for all, and returns
// when it is done.
func (c Client) Act(ctx context.Context, verb string, names []string, all bool) error {
	body, err := json.Marshal(Request{Names: names, All: all})
	if err != nil {
		return err
	}
	var reply Reply
	return c.do(ctx, http.MethodPost, verb, body, maxBody, actPatience, &reply)
}

// Ack says that somebody looks after the failures that r names, or with on false
// that nobody does any more, and returns which those are.
func (c Client) Ack(ctx context.Context, r Request, on bool) (Failures, error) {
	command := "unack"
	if on {
		command = "ack"
	}
	var meant Failures
	err := c.ask(ctx, command, r, &meant)
	return meant, err
}

// Silence has nobody told, until r.Until, of what r names.
func (c Client) Silence(ctx context.Context, r Request) (Silence, error) {
	var s Silence
	err := c.ask(ctx, "silence", r, &s)
	return s, err
}

// Unsilence ends the silences with the name, or all without one.
func (c Client) Unsilence(ctx context.Context, name string) (Silences, error) {
	var ended Silences
	err := c.ask(ctx, "unsilence", Request{ID: name, All: name == ""}, &ended)
	return ended, err
}

// Silences are those in force.
func (c Client) Silences(ctx context.Context) (Silences, error) {
	var all Silences
	err := c.get(ctx, "silences", &all)
	return all, err
}

// Status is what the agent knows of the checks with the names, or of all.
func (c Client) Status(ctx context.Context, names []string) (Status, error) {
	var status Status
	err := c.get(ctx, "status?"+url.Values{"name": names}.Encode(), &status)
	return status, err
}

// Events is what happened since.
func (c Client) Events(ctx context.Context, since time.Time) (Events, error) {
	var events Events
	err := c.get(ctx, "events?"+url.Values{"since": {since.Format(time.RFC3339)}}.Encode(), &events)
	return events, err
}

func (c Client) post(ctx context.Context, command string, request Request) error {
	var reply Reply
	return c.ask(ctx, command, request, &reply)
}

// ask is post with an answer that says more.
func (c Client) ask(ctx context.Context, command string, request Request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, command, body, maxAnswer, patience, answer)
}

// get asks a question. The answer to one is as large as the rule file makes it.
func (c Client) get(ctx context.Context, question string, answer any) error {
	return c.do(ctx, http.MethodGet, question, nil, maxAnswer, lookPatience, answer)
}

func (c Client) do(ctx context.Context, method, what string, body []byte, most int64, limit time.Duration, answer any) error {
	if len(c.Path) > maxPath {
		return fmt.Errorf("ask %s: %w", c.Path, ErrLongPath)
	}
	limit = min(cmp.Or(c.Patience, limit), limit)
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://tocsin/v1/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	var agent atomic.Int32 // its process; the transport connects in a goroutine of its own
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
		if err == nil {
			agent.Store(credentials(conn).Pid)
		}
		return conn, err
	}, DisableKeepAlives: true}
	acts := method != http.MethodGet
	if !acts {
		early := time.AfterFunc(stoppedPatience, func() {
			if isStopped(int(agent.Load())) {
				cancel()
			}
		})
		defer early.Stop()
	}
	late := func(err error) error {
		switch {
		case ctx.Err() == nil || outer.Err() != nil:
			return fmt.Errorf("ask the agent: %w", err)
		case errors.Is(ctx.Err(), context.Canceled):
			limit = stoppedPatience
		}
		return &NoAnswer{Process: int(agent.Load()), Waited: limit, Acts: acts}
	}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("ask %s: %w", c.Path, ErrNotRunning)
	}
	if err != nil {
		return late(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return late(fmt.Errorf("read reply: %w", err))
	}
	var reply Reply
	if err := json.Unmarshal(data, &reply); err == nil && reply.err() != nil {
		return reply.err()
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("ask the agent: read reply: %w", err)
	}
	return nil
}
