package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// The replies that matter by themselves (RFC 5321 4.2.3, RFC 4954 4).
const (
	codeReady     = 220
	codeAuthOK    = 235
	codeOK        = 250
	codeWillSend  = 251
	codeCannotVRF = 252
	codeChallenge = 334
	codeStartMail = 354
	codeClosing   = 421

	codeSequence   = 503
	codeAuthFailed = 535
)

// The waits of a conversation.
const (
	defaultTimeout    = 30 * time.Second
	defaultDotTimeout = 10 * time.Minute // RFC 5321 4.5.3.2.6
)

func (s Server) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return defaultTimeout
}

func (s Server) dotTimeout() time.Duration {
	if s.DotTimeout > 0 {
		return s.DotTimeout
	}
	return defaultDotTimeout
}

// connect makes the connection of a Dial.
type connect func(ctx context.Context, s Server, trace Trace) (net.Conn, error)

// Dial opens a session: it connects, verifies TLS, says EHLO and
// authenticates. Nothing of an account goes over the connection before TLS is
// verified, unless the server is set to TLSNone or TLSOpportunistic. When ctx ends, the connection
// is closed at once. The error is a *Failure with the scope Account.
func Dial(ctx context.Context, s Server, trace Trace) (*Session, error) {
	return Dialer{}.Dial(ctx, s, trace)
}

func dialWith(ctx context.Context, server Server, trace Trace, connect connect) (*Session, error) {
	if err := server.check(); err != nil {
		return nil, &Failure{Phase: PhaseConnect, Err: err}
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, server.timeout())
	raw, err := connect(limited, server, trace)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		f := &Failure{Phase: PhaseConnect, Err: err}
		if trace != nil {
			trace(Step{Phase: PhaseConnect, Text: f.Error(), Took: time.Since(began)})
		}
		return nil, f
	}
	s := &Session{wire: newWire(raw, trace), server: server, peer: raw.RemoteAddr()}
	s.secrets.addLogin(server.Username, server.Password.Reveal())
	s.secrets.add(server.token.Reveal())
	s.step(PhaseConnect, began, "connected to "+raw.RemoteAddr().String())
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	err = s.open(ctx)
	if !stop() && err == nil {
		err = s.fail(ctx, PhaseAuth, ErrClosed)
	}
	if err != nil {
		_ = s.Close() // the failure is what counts
		return nil, err
	}
	return s, nil
}

// check finds what would break the conversation or reach into it.
func (s Server) check() error {
	if s.Direct {
		return fmt.Errorf("%w: direct delivery has no server of its own", ErrMalformed)
	}
	if s.TLS == TLSOpportunistic && (s.Username != "" || s.Password.Reveal() != "" || !s.OAuth.IsZero()) {
		return fmt.Errorf("%w: a login without verified TLS", ErrMalformed)
	}
	if s.Hello != strings.Map(visibleASCII, s.Hello) {
		return fmt.Errorf("%w: the name %q for EHLO", ErrMalformed, s.Hello)
	}
	if s.Source != "" && net.ParseIP(s.Source) == nil {
		return fmt.Errorf("%w: the source address %q", ErrMalformed, s.Source)
	}
	// RFC 4616 2: NUL separates the parts of PLAIN.
	if strings.ContainsRune(s.Username+s.Password.Reveal(), 0) {
		return fmt.Errorf("%w: the user name or the password holds a NUL", ErrMalformed)
	}
	// RFC 7628 3.1: 0x01 separates the parts there.
	if !s.OAuth.IsZero() && (strings.ContainsRune(s.Username, 1) || s.token.Reveal() != strings.Map(visibleASCII, s.token.Reveal())) {
		return fmt.Errorf("%w: the user name or the access token holds a control character", ErrMalformed)
	}
	return nil
}

func visibleASCII(r rune) rune {
	if r <= ' ' || r > '~' {
		return -1
	}
	return r
}

// open takes the connection from the greeting to the first MAIL.
func (s *Session) open(ctx context.Context) error {
	if s.server.TLS == TLSImplicit {
		if err := s.secure(ctx, PhaseTLS); err != nil {
			return err
		}
	}
	if err := s.greeting(ctx); err != nil {
		return err
	}
	if err := s.hello(ctx); err != nil {
		return err
	}
	if s.server.TLS == TLSStartTLS || s.server.TLS == TLSOpportunistic && s.offers.has("STARTTLS") {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
		// RFC 3207 4.2: what was said before TLS may have been said by anybody.
		if err := s.hello(ctx); err != nil {
			return err
		}
	}
	return s.authenticate(ctx)
}

func (s *Session) greeting(ctx context.Context) error {
	reply, _, err := s.listen(ctx, PhaseGreeting, s.server.timeout())
	if err != nil {
		return s.wrongPort(err)
	}
	if reply.Code != codeReady {
		return s.refused(PhaseGreeting, reply)
	}
	return nil
}

// wrongPort says so when a port that expects TLS was greeted without it.
func (s *Session) wrongPort(err error) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok || s.server.TLS == TLSImplicit {
		return err
	}
	switch {
	case errors.Is(err, errTLSBytes):
		f.Class = TLSBroken
		f.Err = fmt.Errorf("this port speaks TLS from the first byte: set tls = \"implicit\": %w", f.Err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.Err = fmt.Errorf("if this port speaks TLS from the first byte, set tls = \"implicit\": %w", f.Err)
	}
	return f
}

func (s *Session) startTLS(ctx context.Context) error {
	if !s.offers.has("STARTTLS") {
		return s.tlsFailure(ctx, PhaseStartTLS,
			errors.New("the server does not offer STARTTLS, or somebody on the way removed it"))
	}
	reply, _, err := s.exchange(ctx, PhaseStartTLS, line{text: "STARTTLS"}, s.server.timeout())
	if err != nil {
		return err
	}
	if reply.Code != codeReady {
		f := s.refused(PhaseStartTLS, reply)
		if f.Class == Protocol {
			f.Class = TLSBroken // what matters of it is that there is no TLS
		}
		return f
	}
	if s.r.Buffered() > 0 {
		return s.tlsFailure(ctx, PhaseStartTLS, ErrInjected)
	}
	return s.secure(ctx, PhaseTLS)
}

// refused makes the Failure of a reply. A reply out of turn ends the session.
func (s *Session) refused(phase Phase, reply Reply) *Failure {
	scope, class, pause := Classify(phase, reply, s.server.Provider)
	f := &Failure{Scope: scope, Class: class, Phase: phase, Reply: reply, Pause: pause}
	if reply.Code == codeSequence && slices.Contains(transaction(), phase) {
		s.shut() // it and we do not agree any more on where the conversation is
	}
	if class == Protocol {
		f.Err = fmt.Errorf("%w: the reply is out of turn", ErrProtocol)
		s.shut()
	}
	return f
}
