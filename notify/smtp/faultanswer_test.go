package smtp_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answer performs the server's part of one step; testdata/faults/README tells
// of the words it knows.
type answer struct {
	server   *faultServer
	good     string
	bytewise bool
	pause    time.Duration // before each byte
	said     strings.Builder
}

// perform does what an order says, piece by piece.
func (a *answer) perform(order string) error {
	for order = strings.TrimSpace(order); order != ""; order = strings.TrimSpace(order) {
		var err error
		switch order[0] {
		case '{':
			word, rest, ok := strings.Cut(order[1:], "}")
			if !ok {
				return a.unknown(order)
			}
			order = rest
			err = a.do(word)
		case '"':
			var quoted, raw string
			if quoted, err = strconv.QuotedPrefix(order); err != nil {
				return a.unknown(order)
			}
			if raw, err = strconv.Unquote(quoted); err != nil {
				return a.unknown(order)
			}
			order = order[len(quoted):]
			err = a.say(raw)
		default:
			text, _, _ := strings.Cut(order, " {")
			order = order[len(text):]
			err = a.lines(text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unknown is for a table that cannot be read: no case may pass by it.
func (a *answer) unknown(word string) error {
	a.server.blame("the table has the unknown word %q", word)
	return errGone
}

func (a *answer) lines(text string) error {
	return a.say(strings.Join(strings.Split(text, " / "), "\r\n") + "\r\n")
}

// say writes one packet, or one for each byte.
func (a *answer) say(text string) error {
	if a.said.Len() < 3 {
		a.said.WriteString(text)
	}
	pieces := []string{text}
	if a.bytewise {
		pieces = strings.SplitAfter(text, "")
	}
	for _, piece := range pieces {
		if a.pause > 0 {
			<-time.After(a.pause)
		}
		if _, err := io.WriteString(a.server.conn, piece); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) do(word string) error {
	s := a.server
	verb, rest, _ := strings.Cut(word, " ")
	switch verb {
	case "ok":
		if a.good == "" {
			return nil
		}
		return a.lines(a.good)
	case "drop":
		return errGone
	case "reset":
		s.raw.abort()
		return errGone
	case "hang":
		_, _ = io.Copy(io.Discard, s.raw)
		return errGone
	case "deaf":
		s.raw.awaitHangup()
		return errGone
	case "bytes":
		a.bytewise = true
		return nil
	case "tls":
		return s.encrypt(rest)
	case "raw":
		s.conn = s.raw
		return nil
	case "wait", "slow":
		pause, err := time.ParseDuration(rest)
		if err != nil {
			return a.unknown(word)
		}
		if verb == "slow" {
			a.bytewise, a.pause = true, pause
			return nil
		}
		<-time.After(pause)
		return nil
	}
	return a.repeat(word)
}

// repeat is {3 of "text"}, or {endless "text"}.
func (a *answer) repeat(word string) error {
	count, quoted, ok := strings.Cut(word, " of ")
	n, err := strconv.Atoi(count)
	if !ok {
		quoted, ok = strings.CutPrefix(word, "endless ")
		n, err = 1<<40, nil
	}
	text, bad := strconv.Unquote(quoted)
	if !ok || err != nil || bad != nil {
		return a.unknown(word)
	}
	if n <= 1<<21 {
		return a.say(strings.Repeat(text, n))
	}
	for range n {
		if err := a.say(text); err != nil {
			return err
		}
	}
	return nil
}

// certificates are those that a server may show, by the word after "tls".
type certificates struct {
	roots   *x509.CertPool
	configs map[string]*tls.Config
}

// newCertificates makes them for the clock of testing/synctest.
func newCertificates(t *testing.T) (c certificates) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		c.roots = ca.roots
		named := func(x *x509.Certificate) { x.DNSNames = []string{"mail.example.com"} }
		good := ca.issue(named)
		c.configs = map[string]*tls.Config{
			"":        good,
			"1.2":     {Certificates: good.Certificates, MaxVersion: tls.VersionTLS12},
			"1.1":     {Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
			"old":     ca.issue(func(x *x509.Certificate) { named(x); x.NotAfter = time.Now().Add(-time.Minute) }),
			"other":   ca.issue(nil),
			"unknown": newAuthority(t).issue(named),
			"asking 1.2": {
				Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
			},
			"asking": {Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert},
		}
	})
	return c
}

// handshake is the step of that name.
func (s *faultServer) handshake() error {
	s.counts["handshake"]++
	order, ok := s.orders["handshake 1"]
	if !ok {
		order = "{tls}"
	}
	a := answer{server: s}
	if err := a.perform(order); err != nil {
		return err
	}
	if !s.trusted {
		// Whatever the client says now, nothing of it may be a secret.
		_, _ = io.Copy(&s.inClear, s.raw)
		return errGone
	}
	return nil
}

// encrypt puts TLS on the connection, with a certificate of that name or with
// a handshake that is cut off after some bytes of ours.
func (s *faultServer) encrypt(name string) error {
	config, ok := s.certs.configs[name]
	var under net.Conn = s.raw
	if text, cut := strings.CutPrefix(name, "cut "); cut {
		left, err := strconv.Atoi(text)
		config, ok, under = s.certs.configs[""], err == nil, &cutting{end: s.raw, left: left}
	}
	if text, bad := strings.CutPrefix(name, "flip "); bad {
		at, err := strconv.Atoi(text)
		config, ok, under = s.certs.configs[""], err == nil, &flipping{end: s.raw, at: at}
	}
	if text, late := strings.CutPrefix(name, "slow "); late {
		pause, err := time.ParseDuration(text)
		config, ok, under = s.certs.configs[""], err == nil, &trickling{end: s.raw, pause: pause}
	}
	if !ok {
		s.blame("the table has no TLS called %q", name)
		return errGone
	}
	conn := tls.Server(under, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	s.conn, s.r = conn, bufio.NewReader(conn)
	s.trusted = name == "" || name == "1.2" || strings.HasPrefix(name, "slow ")
	return nil
}

// cutting hangs up after some bytes.
type cutting struct {
	*end

	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.end.Write(p[:min(len(p), c.left)])
	c.left -= n
	if err == nil && n < len(p) {
		_ = c.Close()
		err = errors.New("cut off")
	}
	return n, err
}

// flipping changes one byte.
type flipping struct {
	*end

	at int
}

func (f *flipping) Write(p []byte) (int, error) {
	sent := append([]byte(nil), p...)
	if f.at >= 0 && f.at < len(sent) {
		sent[f.at] ^= 0x40
	}
	f.at -= len(sent)
	n, err := f.end.Write(sent)
	if err != nil {
		err = fmt.Errorf("write: %w", err)
	}
	return n, err
}

// trickling waits before each byte.
type trickling struct {
	*end

	pause time.Duration
}

func (s *trickling) Write(p []byte) (int, error) {
	for i := range p {
		<-time.After(s.pause)
		if _, err := s.end.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
