package heartbeat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// heard is a service that hears heartbeats, and when.
type heard struct {
	mu     sync.Mutex
	err    error
	unwell error // what the agent says
	got    []string
	at     []time.Time
}

func (h *heard) send(_ context.Context, b Beat, to Address, line string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.at = append(h.got, b.Name+" "+to.text+" "+line), append(h.at, time.Now())
	return h.err
}

func (h *heard) well(context.Context, Beat) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unwell
}

// set sets what goes wrong.
func (h *heard) set(unwell, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unwell, h.err = unwell, err
}

func every(name string, d time.Duration) Beat {
	return Beat{Name: name, URL: NewAddress("https://example.com/" + name), Method: "GET", Every: d, Timeout: time.Second}
}

// TestSentWhileWell: while the agent is not well nothing is sent, and what is
// wrong is logged once.
func TestSentWhileWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := &heard{}
		s := &Sender{
			Log: slog.New(slog.NewTextHandler(&log, nil)), send: h.send,
			Well: h.well, Line: func() string { return "fine" },
		}
		s.Configure(t.Context(), []Beat{every("a", time.Minute)})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(h.got); n < 10 || n > 12 {
			t.Errorf("got %d in ten minutes", n)
		}
		for i := 1; i < len(h.at); i++ {
			if gap := h.at[i].Sub(h.at[i-1]); gap > time.Minute || gap < 54*time.Second {
				t.Errorf("got %s between two", gap)
			}
		}
		n := len(h.got)
		h.set(errors.New("mail has not worked for 20m"), nil)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(h.got) != n {
			t.Errorf("got %q while it is not well", h.got[n:])
		}
		if state := s.States()[0]; state.Held == "" || !state.Failing.IsZero() || state.Sent.IsZero() {
			t.Errorf("got %+v", state)
		}
		h.set(nil, errors.New("answered 404 Not Found"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if state := s.States()[0]; state.Failing.IsZero() || state.Reason != "answered 404 Not Found" || state.Held != "" {
			t.Errorf("got %+v", state)
		}
		h.set(nil, nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if state := s.States()[0]; !state.Failing.IsZero() || state.Reason != "" {
			t.Errorf("got %+v", state)
		}
		s.Close()
		if n := strings.Count(log.String(), "\n"); n != 4 {
			t.Errorf("got %d lines of the log, want one for each change:\n%s", n, &log)
		}
	})
}

// TestFailURL: where there is one it hears why the agent is not well.
func TestFailURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		s := &Sender{
			Log: slog.New(slog.DiscardHandler), send: h.send,
			Well: func(context.Context, Beat) error { return errors.New("the disk is full") }, Line: func() string { return "fine" },
		}
		b := every("a", time.Minute)
		b.FailURL = NewAddress("https://example.com/a/fail")
		s.Configure(t.Context(), []Beat{b})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(h.got); got != "[a https://example.com/a/fail the disk is full]" {
			t.Errorf("got %s", got)
		}
		if state := s.States()[0]; !state.Sent.IsZero() || state.Held == "" {
			t.Errorf("got %+v", state)
		}
		s.Close()
	})
}

// TestReloadKeepsWhatIsUnchanged, with its state and its time.
func TestReloadKeepsWhatIsUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		s := &Sender{Log: slog.New(slog.DiscardHandler), send: h.send, Well: func(context.Context, Beat) error { return nil }, Line: func() string { return "fine" }}
		s.Configure(t.Context(), []Beat{every("a", time.Hour), every("b", time.Hour)})
		time.Sleep(time.Minute)
		s.Configure(t.Context(), []Beat{every("c", time.Hour), every("a", time.Hour)})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(h.got); n != 3 {
			t.Errorf("got %q, want a and b, then c", h.got)
		}
		if all := s.States(); len(all) != 2 || all[0].Name != "c" || all[1].Name != "a" || all[1].Sent.IsZero() {
			t.Errorf("got %+v", all)
		}
		s.Close()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := len(h.got); n != 3 {
			t.Errorf("got %q after the end", h.got)
		}
	})
}
