package smtp_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"tocsin/notify/smtp"
)

// faultServer is a good server that misbehaves where it is told to. It takes
// nothing from the client that a strict server would not.
type faultServer struct {
	raw    *end
	conn   net.Conn // raw, or TLS over it
	r      *bufio.Reader
	certs  certificates
	mode   smtp.TLSMode
	login  bool
	orders map[string]string
	calm   atomic.Bool // no misbehaviour any more
	// message is the one that the case sends, last the one after it.
	message, last string

	counts                       map[string]int
	trusted, authed, begun, over bool
	accepted                     int
	inClear                      bytes.Buffer
	received                     []*receiver
	wrong                        []string
}

var errGone = errors.New("the conversation is over")

func (s *faultServer) blame(format string, arguments ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, arguments...))
}

// serve is the whole conversation.
func (s *faultServer) serve() {
	defer func() { _ = s.raw.Close() }()
	s.conn, s.r = s.raw, bufio.NewReader(s.raw)
	s.counts = make(map[string]int)
	err := error(nil)
	if s.mode == smtp.TLSImplicit {
		err = s.handshake()
	}
	if err == nil {
		_, err = s.step("greeting", "220 mail.example.com ready")
	}
	for err == nil {
		var line string
		if line, err = s.hear(); err == nil {
			err = s.obey(line)
		}
	}
}

// hear reads a command and looks whether it may come now.
func (s *faultServer) hear() (string, error) {
	line, err := s.r.ReadString('\n')
	if s.conn == net.Conn(s.raw) {
		s.inClear.WriteString(line)
	}
	if err != nil {
		if line != "" {
			s.blame("half a command: %q", line)
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\n\x00") || len(line) > 512 {
		s.blame("the command %q is no line", line)
	}
	if s.over {
		s.blame("%q comes after 421", text)
	}
	return text, nil
}

func (s *faultServer) secure() bool { return s.trusted || s.mode == smtp.TLSNone }

// obey is one command; see RFC 5321 4.1.4 for what may come when.
func (s *faultServer) obey(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "EHLO", "HELO":
		return s.hello(verb, rest)
	case "STARTTLS":
		return s.startTLS()
	case "QUIT":
		_, _ = s.step("quit", "221 2.0.0 bye")
		return errGone
	}
	if !s.secure() {
		s.blame("%q goes over a connection that is not trusted", line)
	}
	switch verb {
	case "AUTH":
		return s.auth(rest)
	case "MAIL":
		return s.mail(rest)
	case "RCPT":
		return s.rcpt(rest)
	case "DATA":
		return s.data()
	case "RSET":
		s.begun, s.accepted = false, 0
		_, err := s.step("rset", "250 2.0.0 ok")
		return err
	}
	s.blame("%q is no command", line)
	return errGone
}

func (s *faultServer) hello(verb, name string) error {
	if name != "web-1.example.com" {
		s.blame("the client is called %q", name)
	}
	good := "250-mail.example.com / 250-PIPELINING / 250-SIZE 1000000 / 250-8BITMIME / 250 AUTH PLAIN LOGIN"
	if s.mode == smtp.TLSStartTLS && !s.trusted {
		good = "250-mail.example.com / 250-SIZE 1000000 / 250-STARTTLS / 250 AUTH PLAIN LOGIN"
	}
	if verb == "HELO" {
		good = "250 mail.example.com"
	}
	_, err := s.step(strings.ToLower(verb), good)
	return err
}

func (s *faultServer) startTLS() error {
	if s.trusted || s.mode != smtp.TLSStartTLS {
		s.blame("STARTTLS that was not asked for")
	}
	code, err := s.step("starttls", "220 2.0.0 go ahead")
	if err != nil || code != "220" {
		return err
	}
	if s.r.Buffered() > 0 {
		s.blame("the client did not wait for the answer to STARTTLS")
	}
	return s.handshake()
}

// auth goes through the exchange of AUTH PLAIN or LOGIN.
func (s *faultServer) auth(rest string) error {
	mechanism, initial, _ := strings.Cut(rest, " ")
	good := []string{"235 2.7.0 welcome"}
	switch mechanism {
	case "LOGIN":
		good = []string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 welcome"}
	case "PLAIN":
		if want := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00opensesame")); initial != want {
			s.blame("the client logs in with %q", initial)
		}
	}
	for round := 0; ; round++ {
		code, err := s.step("auth", good[min(round, len(good)-1)])
		if s.authed = code == "235"; err != nil || code != "334" {
			return err
		}
		answer, err := s.hear()
		if err != nil {
			return err
		}
		if answer == "*" {
			_, err := s.step("cancel", "501 5.0.0 cancelled")
			return err
		}
	}
}

func (s *faultServer) mail(rest string) error {
	if s.begun || s.login && !s.authed {
		s.blame("MAIL in a transaction, or without AUTH")
	}
	path, size, _ := strings.Cut(rest, " SIZE=")
	if path != "FROM:<from@example.com>" {
		s.blame("the sender is %q", path)
	}
	if size != "" && size != strconv.Itoa(len(s.expected())) {
		s.blame("SIZE=%s is announced, the message has %d bytes", size, len(s.expected()))
	}
	code, err := s.step("mail", "250 2.1.0 ok")
	s.begun = code == "250"
	return err
}

func (s *faultServer) rcpt(rest string) error {
	if !s.begun {
		s.blame("RCPT without MAIL")
	}
	if !strings.HasPrefix(rest, "TO:<") || !strings.HasSuffix(rest, "@example.com>") {
		s.blame("the recipient is %q", rest)
	}
	code, err := s.step("rcpt", "250 2.1.5 ok")
	if code == "250" || code == "251" || code == "252" {
		s.accepted++
	}
	return err
}

func (s *faultServer) data() error {
	if s.accepted == 0 {
		s.blame("DATA without a recipient")
	}
	code, err := s.step("data", "354 go on")
	if err != nil || code != "354" {
		return err
	}
	if _, err := s.step("body", ""); err != nil {
		return err
	}
	s.begun, s.accepted = false, 0
	v := &receiver{want: s.expected()}
	s.received = append(s.received, v)
	if err = v.take(s.r); err != nil {
		return err
	}
	_, err = s.step("dot", "250 2.0.0 queued")
	return err
}

// expected is the message that comes now.
func (s *faultServer) expected() string {
	if s.calm.Load() {
		return s.last
	}
	return s.message
}

// step answers as it was ordered to, or well. It returns the first code that
// it said.
func (s *faultServer) step(name, good string) (code string, err error) {
	s.counts[name]++
	order, ok := s.orders[name+" "+strconv.Itoa(s.counts[name])]
	if !ok || s.calm.Load() && name != "quit" {
		order = "{ok}"
	}
	a := answer{server: s, good: good}
	err = a.perform(order)
	if strings.HasPrefix(a.said.String(), "421") {
		s.over = true
	}
	return a.said.String()[:min(3, a.said.Len())], err
}
