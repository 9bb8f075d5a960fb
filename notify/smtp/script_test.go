package smtp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"
)

// play is a server that follows a script, one line a step:
//
//	S: 250 ok          says a line
//	S> "\x00\r\n"      says bytes, quoted as in Go
//	S: drop            hangs up
//	S: hang            says nothing until the client hangs up
//	S: endless         says "250-more" until the client hangs up
//	C: RCPT TO:<*>     expects a line; * is anything
//	C: data            expects a message up to its dot
//
// It returns what of the script was not played as it is written.
func play(conn net.Conn, script []string) error {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i, step := range script {
		if err := playLine(conn, r, step); err != nil {
			if errors.Is(err, errDropped) {
				return nil
			}
			return fmt.Errorf("line %d, %q: %w", i+1, step, err)
		}
	}
	// The client has nothing to say any more but QUIT.
	rest, err := r.ReadString('\n')
	if err == nil && rest != "QUIT\r\n" {
		return fmt.Errorf("the client says %q after the script", rest)
	}
	return nil
}

var errDropped = fmt.Errorf("dropped")

func playLine(conn net.Conn, r *bufio.Reader, step string) error {
	kind, text, _ := strings.Cut(step, " ")
	switch {
	case step == "S: drop":
		return errDropped
	case step == "S: hang":
		_, _ = io.Copy(io.Discard, r)
		return errDropped
	case step == "S: endless":
		for {
			if _, err := io.WriteString(conn, "250-more\r\n"); err != nil {
				return errDropped
			}
		}
	case kind == "S:":
		_, err := io.WriteString(conn, text+"\r\n")
		return err
	case kind == "S>":
		raw, err := strconv.Unquote(text)
		if err != nil {
			return err
		}
		// The client may hang up in the middle of it.
		_, _ = io.WriteString(conn, raw)
		return nil
	case step == "C: data":
		for {
			got, err := r.ReadString('\n')
			if err != nil || got == ".\r\n" {
				return err
			}
		}
	case kind == "C:":
		got, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if ok, err := path.Match(text, strings.TrimSuffix(got, "\r\n")); err != nil || !ok {
			return fmt.Errorf("the client says %q", got)
		}
		return nil
	default:
		return fmt.Errorf("no such step")
	}
}

// playOn starts play and returns the client's end. The test fails when the
// script is not played to its end.
func playOn(t *testing.T, script []string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- play(server, script) }()
	t.Cleanup(func() {
		client.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return client
}

// playSlowly is a server that says a byte a second, until it is stopped.
func playSlowly() (client net.Conn, stop func()) {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for range tick.C {
			if _, err := server.Write([]byte{'2'}); err != nil {
				return
			}
		}
	}()
	return client, func() {
		server.Close()
		<-done
	}
}
