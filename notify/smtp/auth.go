package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"tocsin/notify/provider"
)

// The limits of an exchange of challenges.
const (
	maxRounds = 10
	// maxIterations bounds the work that a server can ask for with SCRAM
	// (RFC 5802 5.1); it is about a second.
	maxIterations = 1_000_000
)

// errUnproven is for a server that accepts a SCRAM exchange without having
// shown that it knows the password as well (RFC 5802 3).
var errUnproven = fmt.Errorf("%w: the server did not prove that it knows the account", ErrProtocol)

// preference is the order in which mechanisms are tried. In clear, CRAM-MD5
// goes before those that give the password away. With access tokens that of
// the RFC goes first, except where XOAUTH2 is known to work.
func (s *Session) preference(encrypted bool) []string {
	if !s.server.OAuth.IsZero() {
		preset, _ := provider.Find(s.server.Provider)
		if slices.Contains(preset.Mechanisms, mechXOAuth2) {
			return []string{mechXOAuth2, mechOAuthBearer}
		}
		return []string{mechOAuthBearer, mechXOAuth2}
	}
	if encrypted {
		return []string{
			"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1",
			"PLAIN", "LOGIN", "CRAM-MD5",
		}
	}
	return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"}
}

// authenticate logs in (RFC 4954), if there is an account to log in with.
func (s *Session) authenticate(ctx context.Context) error {
	if s.server.Username == "" || strings.EqualFold(s.server.Auth, "none") {
		return nil
	}
	state, encrypted := s.tlsState()
	if !encrypted && s.server.TLS != TLSNone {
		return s.tlsFailure(ctx, PhaseAuth, errors.New("the connection is not encrypted"))
	}
	name, err := s.mechanism(encrypted)
	if err != nil {
		return &Failure{Class: AuthBroken, Phase: PhaseAuth, Err: err}
	}
	auth := s.newAuth(name, state)
	_, initial, err := auth.Start(&gosmtp.ServerInfo{Name: s.server.Host, TLS: encrypted, Auth: s.offers["AUTH"]})
	if err != nil {
		return &Failure{Class: AuthBroken, Phase: PhaseAuth, Err: s.hidden(err)}
	}
	command := line{text: "AUTH " + name}
	if initial != nil {
		encoded := s.encode(initial)
		command = line{text: "AUTH " + name + " " + encoded, shown: "AUTH " + name + " " + redacted}
	}
	return s.converse(ctx, auth, command)
}

// mechanism picks what both sides know.
func (s *Session) mechanism(encrypted bool) (string, error) {
	offered := s.offers["AUTH"]
	wanted := s.preference(encrypted)
	if only := strings.ToUpper(s.server.Auth); only != "" && only != "AUTO" {
		if !slices.Contains(wanted, only) {
			return "", fmt.Errorf("%w: %s is not known, or not possible without TLS", ErrMechanism, safe(only, 64))
		}
		wanted = []string{only}
	}
	for _, name := range wanted {
		if slices.Contains(offered, name) {
			return name, nil
		}
	}
	has := "none"
	if len(offered) > 0 {
		has = safe(strings.Join(offered, " "), 256)
	}
	return "", fmt.Errorf("%w: the server has %s, we have %s", ErrMechanism, has, strings.Join(wanted, " "))
}

func (s *Session) tlsState() (*tls.ConnectionState, bool) {
	conn, ok := s.conn.(*tls.Conn)
	if !ok {
		return nil, false
	}
	state := conn.ConnectionState()
	return &state, state.HandshakeComplete
}

func (s *Session) newAuth(name string, state *tls.ConnectionState) gosmtp.Auth {
	user, password := s.server.Username, s.server.Password.Reveal()
	clear := s.server.TLS == TLSNone
	switch name {
	case mechXOAuth2, mechOAuthBearer:
		return newBearer(name, s.server, s.secrets.hide)
	case "SCRAM-SHA-256-PLUS":
		return &scram{Auth: gosmtp.ScramSHA256PlusAuth(user, password, state)}
	case "SCRAM-SHA-256":
		return &scram{Auth: gosmtp.ScramSHA256Auth(user, password)}
	case "SCRAM-SHA-1-PLUS":
		return &scram{Auth: gosmtp.ScramSHA1PlusAuth(user, password, state)}
	case "SCRAM-SHA-1":
		return &scram{Auth: gosmtp.ScramSHA1Auth(user, password)}
	case "LOGIN":
		return gosmtp.LoginAuth(user, password, s.server.Host, clear)
	case "CRAM-MD5":
		return gosmtp.CRAMMD5Auth(user, password)
	default:
		return gosmtp.PlainAuth("", user, password, s.server.Host, clear)
	}
}

// converse answers challenges until the server has decided.
func (s *Session) converse(ctx context.Context, auth gosmtp.Auth, command line) error {
	for round := 0; ; round++ {
		reply, resp, err := s.exchange(ctx, PhaseAuth, command, s.server.timeout())
		if err != nil {
			return err
		}
		switch reply.Code {
		case codeAuthOK:
			if _, err := auth.Next(nil, false); err != nil {
				return s.fail(ctx, PhaseAuth, err)
			}
			return nil
		case codeChallenge:
		default:
			return s.refusedLogin(auth, reply)
		}
		if round == maxRounds {
			return s.cancel(ctx, fmt.Errorf("%w: more than %d challenges", ErrProtocol, maxRounds))
		}
		challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.Join(resp.lines, "")))
		if err != nil {
			return s.cancel(ctx, fmt.Errorf("%w: the challenge is not base64", ErrProtocol))
		}
		answer, err := auth.Next(challenge, true)
		if err != nil {
			return s.cancel(ctx, err)
		}
		if b, ok := auth.(*bearer); ok && b.refusal != nil {
			s.step(PhaseAuth, time.Now(), b.refusal.Error())
		}
		command = line{text: s.encode(answer), shown: redacted}
	}
}

// refusedLogin is the Failure of a login, with what the server said of its
// access token before.
func (s *Session) refusedLogin(auth gosmtp.Auth, reply Reply) *Failure {
	f := s.refused(PhaseAuth, reply)
	if b, ok := auth.(*bearer); ok && b.refusal != nil && f.Err == nil {
		f.Err = b.refusal
	}
	return f
}

// cancel ends an exchange that is under way (RFC 4954 4) and returns why.
func (s *Session) cancel(ctx context.Context, cause error) error {
	f := &Failure{Class: AuthBroken, Phase: PhaseAuth, Err: s.hidden(cause)}
	if errors.Is(cause, ErrProtocol) {
		f.Class, f.Err = Protocol, cause
	}
	_, _, err := s.exchange(ctx, PhaseAuth, line{text: "*"}, s.server.timeout())
	if err != nil && ctx.Err() != nil {
		return err
	}
	return f
}

// hidden keeps the text of an error of an authentication mechanism, without
// what the server could have put there.
func (s *Session) hidden(err error) error {
	return errors.New(safe(s.secrets.hide(err.Error()), maxText))
}

// encode is the wire form of an answer, which from now on is a secret.
func (s *Session) encode(answer []byte) string {
	encoded := base64.StdEncoding.EncodeToString(answer)
	s.secrets.add(encoded)
	return encoded
}

// scram guards go-mail's SCRAM: it bounds the server's iteration count, and
// takes no success before the server's own proof.
type scram struct {
	gosmtp.Auth

	asked, proven bool
}

// Next answers a challenge; see gosmtp.Auth.
func (a *scram) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		if !a.proven {
			return nil, errUnproven
		}
		return nil, nil
	}
	first, final := bytes.HasPrefix(challenge, []byte("r=")), bytes.HasPrefix(challenge, []byte("v="))
	if first {
		if err := checkIterations(challenge); err != nil {
			return nil, err
		}
	}
	// Without a first message of the server there is no key yet, and a proof
	// by the empty key is easily made.
	if final && !a.asked {
		return nil, errUnproven
	}
	answer, err := a.Auth.Next(challenge, true)
	a.asked = err == nil && first
	a.proven = err == nil && final
	return answer, err
}

func checkIterations(challenge []byte) error {
	for part := range bytes.SplitSeq(challenge, []byte(",")) {
		count, ok := bytes.CutPrefix(part, []byte("i="))
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(string(count)); err != nil || n < 1 || n > maxIterations {
			return fmt.Errorf("%w: %s iterations, at most %d", ErrProtocol, safe(string(count), 32), maxIterations)
		}
	}
	return nil
}
