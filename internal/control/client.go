package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// ErrNotRunning says that no agent answers at the socket.
var ErrNotRunning = errors.New("the agent is not running")

// Client asks the agent whose socket is at Path.
type Client struct{ Path string }

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
// that nobody does any more.
func (c Client) Ack(ctx context.Context, r Request, on bool) error {
	if on {
		return c.post(ctx, "ack", r)
	}
	return c.post(ctx, "unack", r)
}

// Silence has nobody told, until r.Until, of what r names.
func (c Client) Silence(ctx context.Context, r Request) (Silence, error) {
	var s Silence
	return s, c.ask(ctx, "silence", r, &s)
}

// Unsilence ends the silences with the name, or all without one.
func (c Client) Unsilence(ctx context.Context, name string) (Silences, error) {
	var ended Silences
	return ended, c.ask(ctx, "unsilence", Request{ID: name, All: name == ""}, &ended)
}

// Silences are those in force.
func (c Client) Silences(ctx context.Context) (Silences, error) {
	var all Silences
	return all, c.get(ctx, "silences", &all)
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
	return c.do(ctx, http.MethodGet, question, nil, maxAnswer, patience, answer)
}

func (c Client) do(ctx context.Context, method, what string, body []byte, most int64, limit time.Duration, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://tocsin/v1/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
	}, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("ask %s: %w", c.Path, ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("ask the agent: read reply: %w", err)
	}
	var reply Reply
	if err := json.Unmarshal(data, &reply); err == nil && reply.Error != "" {
		return errors.New(reply.Error)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("ask the agent: read reply: %w", err)
	}
	return nil
}
