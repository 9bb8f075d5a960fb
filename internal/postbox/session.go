package postbox

import (
	"crypto/subtle"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one connection's conversation, as go-smtp wants it.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string
	from   string
	to     []string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

// AuthMechanisms is none for a server without accounts.
func (s *session) AuthMechanisms() []string {
	if s.server.config.Username == "" {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth starts an exchange.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return smtp.ErrAuthFailed
			}
			return s.logIn(user, password)
		}), nil
	case sasl.Login:
		return &login{check: s.logIn}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

func (s *session) logIn(user, password string) error {
	config := s.server.config
	if subtle.ConstantTimeCompare([]byte(user), []byte(config.Username))&
		subtle.ConstantTimeCompare([]byte(password), []byte(config.Password)) != 1 {
		return smtp.ErrAuthFailed
	}
	s.user = user
	return nil
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.config.Username != "" && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from, s.to = from, nil
	return nil
}

// Rcpt accepts a recipient or says why not.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refuse := s.server.config.Refuse; refuse != nil {
		if err := refuse(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	s.server.mu.Lock()
	s.server.recipients = append(s.server.recipients, Accepted{Address: to, At: time.Now()})
	s.server.mu.Unlock()
	return nil
}

// Data takes the mail.
func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r) // bounded by MaxMessageBytes
	if err != nil {
		return fmt.Errorf("read mail: %w", err)
	}
	_, encrypted := s.conn.TLSConnectionState()
	m := Mail{From: s.from, To: s.to, Data: data, At: time.Now(), TLS: encrypted, Username: s.user}
	if onMail := s.server.config.OnMail; onMail != nil {
		if err := onMail(m); err != nil {
			return err
		}
	}
	s.server.keep(m)
	return nil
}

// Reset forgets an unfinished mail.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }

// login is the server's side of LOGIN, which go-sasl has not.
type login struct {
	check func(user, password string) error
	asked int
	user  string
}

// Next asks for the name, then the password; see sasl.Server.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch {
	case l.asked == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.asked <= 2 && l.user == "":
		l.user, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.user, string(response))
	}
}
