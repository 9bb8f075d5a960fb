package mx

import (
	"bufio"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"tocsin/internal/postbox"
	"tocsin/notify/smtp"
)

const message = "Subject: hi\r\n\r\nbody\r\n"

// inbox starts a server at an address of loopback; port 0 is any.
func inbox(t *testing.T, address string, port int, config postbox.Config) *postbox.Server {
	t.Helper()
	config.Addr = netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port)).String()
	server, err := postbox.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// testSession delivers to loopback, where nothing is this machine.
func testSession(port int, z zone) *Session {
	return &Session{
		Server:   smtp.Server{Name: "mx", Direct: true, Port: port, TLS: smtp.TLSOpportunistic, Hello: "web-1.example.com", Timeout: 5 * time.Second},
		Resolver: z, IsOwn: func(netip.Addr) bool { return false },
	}
}

func send(t *testing.T, s *Session, to ...string) (smtp.Result, *smtp.Failure) {
	t.Helper()
	result, err := s.Send(t.Context(), smtp.Envelope{From: "root@example.com", To: to}, []byte(message))
	if len(result.Recipients) != len(to) {
		t.Fatalf("got %d verdicts for %d recipients", len(result.Recipients), len(to))
	}
	if err == nil {
		return result, nil
	}
	f, ok := errors.AsType[*smtp.Failure](err)
	if !ok || f.Scope == smtp.Account {
		t.Fatalf("got the error %v, which is not the message's", err)
	}
	return result, f
}

func TestADomainsServerTakesItsMail(t *testing.T) {
	for mode, wantTLS := range map[string]bool{postbox.StartTLS: true, postbox.None: false} {
		server := inbox(t, "127.0.0.1", 0, postbox.Config{Mode: mode})
		s := testSession(server.Port(), zone{"MX example.org": {exchanger(10, "mail.example.org.")}, "A mail.example.org": at("127.0.0.1")})
		result, failure := send(t, s, "a@example.org", "b@EXAMPLE.org.")
		if failure != nil || result.Recipients[0].Status != smtp.Accepted || result.Recipients[1].Status != smtp.Accepted {
			t.Fatalf("%s: got %+v, %v", mode, result, failure)
		}
		mails := server.Mails()
		if len(mails) != 1 || mails[0].TLS != wantTLS || string(mails[0].Data) != message || len(mails[0].To) != 2 || mails[0].Username != "" {
			t.Errorf("%s: got %+v", mode, mails)
		}
	}
}

func TestAnAddressLiteral(t *testing.T) {
	server := inbox(t, "127.0.0.1", 0, postbox.Config{Mode: postbox.StartTLS})
	if _, failure := send(t, testSession(server.Port(), nil), "a@[127.0.0.1]"); failure != nil || len(server.Mails()) != 1 {
		t.Errorf("got %v, %v", server.Mails(), failure)
	}
}

func TestVerifiedTLS(t *testing.T) {
	server := inbox(t, "127.0.0.1", 0, postbox.Config{Mode: postbox.StartTLS}) // its certificate is for localhost
	z := zone{"MX example.org": {exchanger(10, "mail.example.org.")}, "A mail.example.org": at("127.0.0.1"), "MX local.example": {exchanger(10, "localhost.")}, "A localhost": at("127.0.0.1")}
	s := testSession(server.Port(), z)
	s.Server.TLS = smtp.TLSStartTLS
	s.Server.Roots = x509.NewCertPool()
	s.Server.Roots.AppendCertsFromPEM(server.CertificatePEM())
	if _, failure := send(t, s, "a@example.org"); failure == nil || failure.Class != smtp.Transient || !strings.Contains(failure.Error(), "certificate") {
		t.Errorf("got %v, want a certificate that is not the server's", failure)
	}
	if len(server.Recipients()) != 0 {
		t.Fatal("something was sent to a server that was not verified")
	}
	if _, failure := send(t, s, "a@local.example"); failure != nil {
		t.Error(failure)
	}
}

func TestTheNextServerIsAsked(t *testing.T) {
	dead, good := "127.0.0.2", "127.0.0.3"
	server := inbox(t, good, 0, postbox.Config{Mode: postbox.None})
	refuse(t, dead, server.Port(), "554 5.3.2 no mail here\r\n")
	s := testSession(server.Port(), zone{
		"MX example.org": {exchanger(10, "dead.example.org."), exchanger(20, "good.example.org.")}, "A dead.example.org": at("127.0.0.4", dead), "A good.example.org": at(good),
		"MX dead.example": {exchanger(10, "dead.example.org.")},
	})
	if _, failure := send(t, s, "a@example.org"); failure != nil || len(server.Mails()) != 1 {
		t.Errorf("got %v, %v", server.Mails(), failure)
	}
	result, failure := send(t, s, "a@dead.example")
	if failure == nil || failure.Class != smtp.Transient || result.Recipients[0].Status != smtp.Deferred || !strings.Contains(failure.Error(), "mail server dead.example.org (127.0.0.4)") {
		t.Errorf("got %+v, %v, want it tried later", result, failure)
	}
}

// refuse greets everybody with a line, until the test ends.
func refuse(t *testing.T, address string, port int, line string) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(line))
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_ = conn.Close()
		}
	}()
}

func TestVerdicts(t *testing.T) {
	server := inbox(t, "127.0.0.1", 0, postbox.Config{Mode: postbox.None, Refuse: func(to string) error {
		switch {
		case strings.HasPrefix(to, "gone@"):
			return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
		case strings.HasPrefix(to, "grey@"):
			return &gosmtp.SMTPError{Code: 450, EnhancedCode: gosmtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
		}
		return nil
	}})
	s := testSession(server.Port(), zone{"A example.org": at("127.0.0.1"), "MX null.example": {exchanger(0, ".")}, "MX down.example": nil})
	result, failure := send(t, s, "gone@example.org", "grey@example.org", "a@example.org")
	if failure != nil || result.Recipients[0].Status != smtp.Refused || result.Recipients[1].Status != smtp.Deferred || result.Recipients[2].Status != smtp.Accepted {
		t.Errorf("got %+v, %v", result, failure)
	}
	result, failure = send(t, s, "a@null.example")
	if failure == nil || failure.Class != smtp.Permanent || result.Recipients[0].Status != smtp.Refused || failure.Error() != "dns: null.example: it takes no mail (null MX, RFC 7505)" {
		t.Errorf("got %+v, %v", result, failure)
	}
	result, failure = send(t, s, "a@down.example")
	if failure == nil || failure.Class != smtp.Transient || result.Recipients[0].Status != smtp.Deferred {
		t.Errorf("got %+v, %v", result, failure)
	}
	if _, failure = send(t, s, "a@example.org", "b@null.example"); failure == nil || !errors.Is(failure, errDomains) {
		t.Errorf("got %v, want one domain a transaction", failure)
	}
}

// A server whose TLS is broken gets the mail in clear: it would have had it so
// without offering TLS (RFC 7435).
func TestBrokenTLSIsAsGoodAsNone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			got <- talk(conn)
		}
	}()
	s := testSession(listener.Addr().(*net.TCPAddr).Port, zone{"A example.org": at("127.0.0.1")})
	done := make(chan *smtp.Failure, 1)
	go func() { _, f := send(t, s, "a@example.org"); done <- f }()
	first, second := <-got, <-got
	if failure := <-done; failure != nil || !strings.HasSuffix(first, "STARTTLS") || strings.Contains(second, "STARTTLS") || !strings.Contains(second, "DATA") {
		t.Errorf("got %v after %q and %q", failure, first, second)
	}
}

// talk is a server that offers STARTTLS and then does not speak TLS. It returns
// the verbs that it heard.
func talk(conn net.Conn) string {
	defer conn.Close()
	r := bufio.NewReader(conn)
	reply, verbs := "220 x ESMTP\r\n", []string{}
	for {
		if _, err := conn.Write([]byte(reply)); err != nil {
			return strings.Join(verbs, " ")
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return strings.Join(verbs, " ")
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		verbs = append(verbs, verb)
		switch verb {
		case "EHLO":
			reply = "250-x\r\n250 STARTTLS\r\n"
		case "STARTTLS":
			_, _ = conn.Write([]byte("220 go\r\n"))
			_, _ = r.Peek(1) // the client's hello
			_, _ = conn.Write([]byte("this is no TLS at all\r\n"))
			return strings.Join(verbs, " ")
		case "DATA":
			_, _ = conn.Write([]byte("354 go\r\n"))
			for line != ".\r\n" && err == nil {
				line, err = r.ReadString('\n')
			}
			reply = "250 taken\r\n"
		case "QUIT":
			return strings.Join(verbs, " ")
		default:
			reply = "250 ok\r\n"
		}
	}
}
