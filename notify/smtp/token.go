package smtp

import (
	"context"
	"errors"
	"time"
)

// Grant says where the access tokens of an account are from: a token endpoint
// (RFC 6749) or a program. The zero value is none: the account has a password.
type Grant struct {
	// TokenURL is the token endpoint: https, or http on loopback.
	TokenURL string
	ClientID string
	// ClientSecret is empty for a public client.
	ClientSecret Secret
	// RefreshToken is what access tokens are asked for with (RFC 6749 6);
	// without it the client's own credentials are (4.4).
	RefreshToken Secret
	// Scope is what the token is for, several separated by blanks; may be empty.
	Scope string
	// Command is a program, by its whole path, and its arguments, which prints
	// the access token. It is instead of all the others.
	Command []string
}

// IsZero says whether there is none.
func (g Grant) IsZero() bool { return g.ClientID == "" && len(g.Command) == 0 }

// Token is an access token (RFC 6750).
type Token struct {
	Text Secret
	// Expires is when it is asked for anew at the latest.
	Expires time.Time
	// Kept says that it was there already; one that is not Kept came just now.
	Kept bool
}

// Tokens gives access tokens.
type Tokens interface {
	// Token returns the access token of an account, a fresh one if asked. Its
	// error is a *Failure of PhaseToken.
	Token(ctx context.Context, s Server, fresh bool) (Token, error)
}

// login dials, with an access token where the account has a Grant. When the
// server refuses one that was kept, it may have been revoked before its time: a
// fresh one is tried before anybody is told that the login is broken.
func (d Dialer) login(ctx context.Context, s Server, trace Trace, connect connect) (*Session, error) {
	if s.OAuth.IsZero() {
		return dialWith(ctx, s, trace, connect)
	}
	token, err := d.token(ctx, s, trace, false)
	if err != nil {
		return nil, err
	}
	s.token = token.Text
	session, err := dialWith(ctx, s, trace, connect)
	if !token.Kept || !refusesLogin(err) {
		return session, err
	}
	if token, err = d.token(ctx, s, trace, true); err != nil {
		return nil, err
	}
	s.token = token.Text
	return dialWith(ctx, s, trace, connect)
}

func refusesLogin(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Phase == PhaseAuth && f.Reply.Code == codeAuthFailed
}

// token asks for an access token and tells the trace.
func (d Dialer) token(ctx context.Context, s Server, trace Trace, fresh bool) (Token, error) {
	began := time.Now()
	var token Token
	err := error(&Failure{Class: AuthBroken, Phase: PhaseToken, Err: errors.New("nothing here gives access tokens")})
	if d.Tokens != nil {
		token, err = d.Tokens.Token(ctx, s, fresh)
	}
	text := "a new access token"
	switch {
	case err != nil:
		text = err.Error()
	case token.Kept:
		text = "the access token that is there"
	}
	if err == nil && !token.Expires.IsZero() {
		text += ", good until " + token.Expires.UTC().Format(time.RFC3339)
	}
	if trace != nil {
		trace(Step{Phase: PhaseToken, Text: safe(text, 2*maxText), Took: time.Since(began)})
	}
	return token, err
}
