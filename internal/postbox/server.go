// Package postbox is an SMTP server on loopback that keeps what it receives.
// It is what the demo and the end-to-end tests send mail to.
package postbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// The modes of a Server.
const (
	Implicit = "implicit" // TLS from the first byte
	StartTLS = "starttls"
	None     = "none" // in clear
)

// Config says what a Server is like. The zero value takes mail from anybody on
// this host, over implicit TLS, on a free port.
type Config struct {
	// Mode is Implicit, StartTLS or None; empty means Implicit.
	Mode string
	// Addr is where to listen; empty means 127.0.0.1:0.
	Addr string
	// Username and Password are asked for, in PLAIN or LOGIN, unless the name
	// is empty.
	Username, Password string
	// Refuse says what is wrong with a recipient; a *smtp.SMTPError of
	// go-smtp sets the reply. Nil, or a nil error, accepts.
	Refuse func(recipient string) error
	// OnMail is called with every mail before it is acknowledged. Its error
	// refuses the mail, as with Refuse. Calls may be concurrent.
	OnMail func(Mail) error
}

// Mail is a mail that was received.
type Mail struct {
	From string // of MAIL
	To   []string
	Data []byte // with CRLF line ends, dots undone
	At   time.Time
	TLS  bool
	// Username is who sent it, empty without authentication.
	Username string
}

// Accepted is a recipient that was accepted.
type Accepted struct {
	Address string
	At      time.Time
}

// The limits of what a client may send.
const (
	maxMessage = 64 << 20
	ioTimeout  = 5 * time.Minute
)

// Server is a running server. Its methods may be used from any goroutine.
type Server struct {
	config      Config
	address     *net.TCPAddr
	certificate certificate
	smtp        *smtp.Server
	served      chan struct{}

	mu         sync.Mutex
	mails      []Mail
	recipients []Accepted

	received chan Mail
	arrived  chan struct{} // holds one token when mails may be new
	closing  chan struct{}
	close    sync.Once
}

// Start listens and serves until Close.
func Start(config Config) (*Server, error) {
	switch config.Mode {
	case "":
		config.Mode = Implicit
	case Implicit, StartTLS, None:
	default:
		return nil, fmt.Errorf("start postbox: %q is none of implicit, starttls, none", config.Mode)
	}
	if config.Addr == "" {
		config.Addr = "127.0.0.1:0"
	}
	certificate, err := selfSigned(time.Now())
	if err != nil {
		return nil, fmt.Errorf("start postbox: %w", err)
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(context.Background(), "tcp", config.Addr)
	if err != nil {
		return nil, fmt.Errorf("start postbox: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok || !address.IP.IsLoopback() {
		_ = listener.Close() // it was never used
		return nil, fmt.Errorf("start postbox: %s is not loopback", listener.Addr())
	}
	s := &Server{
		config: config, address: address, certificate: certificate,
		served: make(chan struct{}), received: make(chan Mail), arrived: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	s.smtp = s.server()
	if config.Mode == Implicit {
		listener = tls.NewListener(listener, certificate.config())
	}
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(listener) // ends with Close
	}()
	go s.deliver()
	return s, nil
}

func (s *Server) server() *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "localhost"
	server.MaxMessageBytes = maxMessage
	server.ReadTimeout, server.WriteTimeout = ioTimeout, ioTimeout
	server.AllowInsecureAuth = s.config.Mode == None
	server.ErrorLog = silent{}
	if s.config.Mode == StartTLS {
		server.TLSConfig = s.certificate.config()
	}
	return server
}

// silent drops what go-smtp logs: a client that hangs up is no news here.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Host is the IP address that the server listens on.
func (s *Server) Host() string { return s.address.IP.String() }

// Port is the port that the server listens on.
func (s *Server) Port() int { return s.address.Port }

// CertificatePEM is the server's own certificate, to be trusted by clients. It
// is for 127.0.0.1, ::1 and localhost.
func (s *Server) CertificatePEM() []byte { return slices.Clone(s.certificate.pem) }

// Fingerprint is the SHA-256 of the certificate's SubjectPublicKeyInfo in hex.
func (s *Server) Fingerprint() string { return s.certificate.fingerprint }

// Mails are all mails that were received, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Recipients are all recipients that were accepted, oldest first, also those
// of transactions that were never finished.
func (s *Server) Recipients() []Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.recipients)
}

// Received gives every mail once, oldest first. Nothing is lost and the server
// is not held up when nobody receives. Close closes the channel.
func (s *Server) Received() <-chan Mail { return s.received }

// Close stops the server and closes its connections. It may be called twice.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		if err = s.smtp.Close(); errors.Is(err, smtp.ErrServerClosed) {
			err = nil
		}
		<-s.served
	})
	return err
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	s.mails = append(s.mails, m)
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default: // the token is there
	}
}

// deliver feeds Received from the list of mails.
func (s *Server) deliver() {
	defer close(s.received)
	for next := 0; ; {
		s.mu.Lock()
		waiting := s.mails[next:]
		s.mu.Unlock()
		for _, m := range waiting {
			select {
			case s.received <- m:
				next++
			case <-s.closing:
				return
			}
		}
		if len(waiting) > 0 {
			continue
		}
		select {
		case <-s.arrived:
		case <-s.closing:
			return
		}
	}
}
