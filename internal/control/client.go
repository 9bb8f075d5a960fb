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
	"syscall"
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

func (c Client) post(ctx context.Context, command string, request Request) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://tocsin/v1/"+command, bytes.NewReader(body))
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
	var reply Reply
	if err := json.NewDecoder(io.LimitReader(response.Body, maxBody)).Decode(&reply); err != nil {
		return fmt.Errorf("ask the agent: read reply: %w", err)
	}
	if reply.Error != "" {
		return errors.New(reply.Error)
	}
	return nil
}
