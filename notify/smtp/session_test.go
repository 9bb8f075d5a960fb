package smtp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/notify/smtp"
)

// TestCancel ends the context at each step.
func TestCancel(t *testing.T) {
	for at, step := range steps {
		t.Run(step.phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(150*time.Millisecond, cancel)
				began := time.Now()
				s, err := smtp.DialOver(ctx, playOn(t, append(scriptTo(at), "S: hang")), clear(), nil)
				if err == nil {
					_, err = s.Send(ctx, smtp.Envelope{From: "from@example.com", To: []string{"to@example.com"}}, []byte(message))
					if s.Reusable() {
						t.Error("the session is reusable")
					}
					_ = s.Close()
				}
				if took := time.Since(began); took != 150*time.Millisecond {
					t.Errorf("took %v, want 150ms", took)
				}
				f, ok := errors.AsType[*smtp.Failure](err)
				if !ok || !errors.Is(err, context.Canceled) || f.Ambiguous != (step.phase == "dot") {
					t.Errorf("got %#v, want a cancelled failure", err)
				}
			})
		})
	}
}

// TestDotTimeout has a server that takes long over a message, but not too long.
func TestDotTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() {
			script := append(scriptTo(len(steps)-1), "")
			_ = play(slow{server, 9 * time.Minute}, append(script[:len(script)-1], "S: 250 queued"))
		}()
		s, err := smtp.DialOver(t.Context(), client, clear(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		result, err := s.Send(t.Context(), smtp.Envelope{From: "from@example.com", To: []string{"to@example.com"}}, []byte(message))
		if err != nil || result.Recipients[0].Status != smtp.Accepted {
			t.Errorf("got %+v, %v, want it accepted", result, err)
		}
	})
}

// slow waits before it says that a message is queued.
type slow struct {
	net.Conn
	wait time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("queued")) {
		<-time.After(s.wait)
	}
	return s.Conn.Write(p)
}

// TestQuitIsShort has a server that does not answer QUIT.
func TestQuitIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := append(scriptTo(2), "S: 235 welcome", "C: QUIT", "S: hang")
		s, err := smtp.DialOver(t.Context(), playOn(t, script), clear(), nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Close(); err != nil || time.Since(began) != time.Second {
			t.Errorf("Close: %v after %v, want nil after 1s", err, time.Since(began))
		}
		if _, err := s.Send(t.Context(), smtp.Envelope{From: "a@b", To: []string{"c@d"}}, []byte(message)); !errors.Is(err, smtp.ErrClosed) {
			t.Errorf("Send after Close: %v, want ErrClosed", err)
		}
	})
}

// TestMalformed has what must never reach the server, which sees nothing.
func TestMalformed(t *testing.T) {
	for _, tt := range []struct {
		name, from string
		to         []string
		data       string
	}{
		{"no recipient", "a@b", nil, message},
		{"empty recipient", "a@b", []string{""}, message},
		{"line end in from", "a@b\r\nRCPT TO:<x@y>", []string{"c@d"}, message},
		{"line end in to", "a@b", []string{"c@d", "e@f>\r\nDATA"}, message},
		{"bracket", "a@b> SIZE=1 <", []string{"c@d"}, message},
		{"blank", "a@b", []string{`"a b"@c`}, message},
		{"NUL", "a@b", []string{"a\x00@c"}, message},
		{"not ASCII", "ä@b", []string{"c@d"}, message},
		{"long", "a@b", []string{strings.Repeat("a", 255) + "@d"}, message},
		{"empty data", "a@b", []string{"c@d"}, ""},
		{"no line end", "a@b", []string{"c@d"}, "x"},
		{"bare line feed", "a@b", []string{"c@d"}, "x\n.\n\r\n"},
		{"bare carriage return", "a@b", []string{"c@d"}, "x\r.\r\r\n"},
		{"8 bits", "a@b", []string{"c@d"}, "ä\r\n"},
		{"NUL in data", "a@b", []string{"c@d"}, "a\x00b\r\n"},
		{"long line", "a@b", []string{"c@d"}, strings.Repeat("x", 999) + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := smtp.DialOver(t.Context(), playOn(t, append(scriptTo(2), "S: 235 welcome")), clear(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				result, err := s.Send(t.Context(), smtp.Envelope{From: tt.from, To: tt.to}, []byte(tt.data))
				f, ok := errors.AsType[*smtp.Failure](err)
				if !ok || !errors.Is(err, smtp.ErrMalformed) || f.Scope != smtp.Message || f.Class != smtp.Permanent {
					t.Errorf("got %v, want ErrMalformed for the message", err)
				}
				if len(result.Recipients) != len(tt.to) || !s.Reusable() {
					t.Errorf("got %d verdicts, reusable %v", len(result.Recipients), s.Reusable())
				}
			})
		})
	}
}

// TestBadServer has settings that would break the conversation.
func TestBadServer(t *testing.T) {
	for name, change := range map[string]func(*smtp.Server){
		"EHLO":     func(s *smtp.Server) { s.Hello = "x\r\nMAIL FROM:<>" },
		"source":   func(s *smtp.Server) { s.Source = "eth0" },
		"password": func(s *smtp.Server) { s.Password = smtp.NewSecret("a\x00b") },
	} {
		server := clear()
		change(&server)
		if _, err := smtp.Dial(t.Context(), server, nil); !errors.Is(err, smtp.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

// parrot answers everything with what it just heard, in every way it can think
// of.
func parrot(conn net.Conn, mechanism string, phases int) {
	defer conn.Close()
	r := newLines(conn)
	fmt.Fprintf(conn, "220 ready\r\n")
	r.next()
	fmt.Fprintf(conn, "250-hi\r\n250 AUTH %s\r\n", mechanism)
	heard := ""
	for n := 0; ; n++ {
		line, ok := r.next()
		if !ok {
			return
		}
		heard += " " + line
		for word := range strings.FieldsSeq(line) {
			if raw, err := base64.StdEncoding.DecodeString(word); err == nil {
				heard += " " + strings.ReplaceAll(string(raw), "\x00", " ")
			}
		}
		switch {
		case n < phases:
			fmt.Fprintf(conn, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte("x")))
		case n == phases:
			fmt.Fprintf(conn, "235 welcome, %s\r\n", heard)
		case n == phases+1:
			fmt.Fprintf(conn, "451-4.0.0 I heard%s\r\n451 4.0.0 and %s...\r\n", heard, line)
		case n == phases+2:
			fmt.Fprintf(conn, "250 %s\r\n", heard)
		default:
			fmt.Fprintf(conn, "what is %s or %s\r\n", heard, url.QueryEscape(heard))
		}
	}
}

// TestCanary looks for the password in all that is shown, in every encoding.
func TestCanary(t *testing.T) {
	const password = "canary-Pass w0rd!"
	for mechanism, phases := range map[string]int{"PLAIN": 0, "LOGIN": 2, "CRAM-MD5": 1} {
		t.Run(mechanism, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shown strings.Builder
				trace := func(s smtp.Step) { fmt.Fprintf(&shown, "%s %s\n", s.Phase, s.Text) }
				server := clear()
				server.Password = smtp.NewSecret(password)
				client, other := net.Pipe()
				go parrot(other, mechanism, phases)
				s, err := smtp.DialOver(t.Context(), client, server, trace)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					result, err := s.Send(t.Context(), smtp.Envelope{From: "a@example.com", To: []string{"b@example.com"}}, []byte(message))
					fmt.Fprintf(&shown, "%+v %v %#v\n", result, err, err)
					for cause := err; cause != nil; cause = errors.Unwrap(cause) {
						fmt.Fprintf(&shown, "%+v\n", cause)
					}
				}
				_ = s.Close()
				fmt.Fprintf(&shown, "%+v %#v", server, server)
				plain := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + password))
				for _, secret := range []string{
					password, base64.StdEncoding.EncodeToString([]byte(password)), plain, plain[:16], hex.EncodeToString([]byte(password)),
				} {
					if strings.Contains(shown.String(), secret) {
						t.Errorf("%q is shown:\n%s", secret, shown.String())
					}
				}
				if !strings.Contains(shown.String(), "auth AUTH "+mechanism) || !strings.Contains(shown.String(), "is no reply") {
					t.Errorf("the trace lacks steps:\n%s", shown.String())
				}
			})
		})
	}
}

// TestLeaks dials fifty times in vain, in each way.
func TestLeaks(t *testing.T) {
	ca := newAuthority(t)
	scripts := [][]string{
		{"S: drop"},
		{"S: 554 go away"},
		{"S: 220 ready", "C", "S: 250 no STARTTLS", "C"},
		join(offering, []string{"S: 220 go", "TLS", "C", "S: 250-hi", "S: 250 AUTH PLAIN", "C", "S: 535 no", "C"}),
	}
	for i, script := range scripts {
		port, said := serveScript(t, ca.issue(nil), script)
		server := local(port, smtp.TLSStartTLS, ca.roots)
		_, _ = smtp.Dial(t.Context(), server, nil) // what is opened once is no leak
		files, routines := count(t)
		for range 50 {
			if s, err := smtp.Dial(t.Context(), server, nil); err == nil {
				_ = s.Close()
				t.Fatal("dialed")
			}
		}
		said() // the server's own connections are closed as well
		if f, r := count(t); f > files || r > routines {
			t.Errorf("script %d: %d files and %d goroutines before, %d and %d after", i, files, routines, f, r)
		}
	}
}

func count(t *testing.T) (files, routines int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries), runtime.NumGoroutine()
}

// newLines reads lines without their ends.
type lineReader struct{ r io.Reader }

func newLines(r io.Reader) lineReader { return lineReader{r} }

func (l lineReader) next() (string, bool) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := l.r.Read(b); err != nil {
			return "", false
		}
		if b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), true
		}
		line = append(line, b[0])
	}
}
