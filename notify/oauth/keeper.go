// Package oauth gets the access tokens of mail accounts: from a token endpoint
// (RFC 6749), with a refresh token or with the client's own credentials, or
// from a program. Tokens are kept in memory until shortly before they expire;
// a refresh token that the endpoint replaces is kept on disk.
package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tocsin/internal/program"
	"tocsin/notify/smtp"
)

const (
	// skew is how long before its end a token is not used any more: the mail
	// server's clock may be ahead, and its connection has to be made first.
	skew = time.Minute
	// unsaidLife is for a token of unknown life.
	unsaidLife = 5 * time.Minute
	// longestLife bounds what an endpoint may promise.
	longestLife = 24 * time.Hour
	// maxKept bounds how many grants are kept in memory: a reload with another
	// block leaves the old one behind.
	maxKept = 64
)

// Keeper gives access tokens; see smtp.Tokens. It is safe for concurrent use.
type Keeper struct {
	// Dir is where replaced refresh tokens are kept, a file each.
	Dir string
	// Log hears of what could not be kept.
	Log *slog.Logger
	// Transport carries the requests; nil is one with a limit for everything.
	Transport http.RoundTripper
	// Cage holds the programs that print tokens; nil is process groups.
	Cage *program.Cage

	mu      sync.Mutex
	grants  map[string]*grant
	unsaved map[string]smtp.Secret // refresh tokens that the disk did not take
}

// grant is what is kept of one smtp.Grant. Whoever holds turn may use it.
type grant struct {
	turn  chan struct{}
	token smtp.Secret
	since time.Time // without a monotonic part, which stands still in a suspended machine
	until time.Time // to be used until then
}

// Token returns the access token of an account. Accounts with the same Grant
// share one, and one that is kept is given until a minute before its end. The
// error is a *smtp.Failure of smtp.PhaseToken and holds no secret.
func (k *Keeper) Token(ctx context.Context, s smtp.Server, fresh bool) (smtp.Token, error) {
	g := k.grant(s.OAuth)
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return smtp.Token{}, failed(context.Cause(ctx))
	}
	now := time.Now().Round(0)
	if !fresh && now.Before(g.until) && !now.Before(g.since) {
		return smtp.Token{Text: g.token, Expires: g.until, Kept: true}, nil
	}
	var a answer
	var err error
	if len(s.OAuth.Command) > 0 {
		a, err = k.fromProgram(ctx, s.OAuth.Command)
	} else {
		a, err = k.fromEndpoint(ctx, s.OAuth)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = a.check()
	}
	if err != nil {
		g.token, g.until = smtp.Secret{}, time.Time{}
		return smtp.Token{}, failed(err)
	}
	life := a.usable()
	g.token, g.since, g.until = a.token, now, now.Add(life)
	return smtp.Token{Text: a.token, Expires: g.until}, nil
}

// grant finds what is kept of a Grant.
func (k *Keeper) grant(of smtp.Grant) *grant {
	key := digest(append([]string{
		of.TokenURL, of.ClientID, of.ClientSecret.Reveal(), of.RefreshToken.Reveal(), of.Scope,
	}, of.Command...)...)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.grants == nil || len(k.grants) >= maxKept {
		k.grants = make(map[string]*grant) // whoever is at an old one finishes with it
	}
	g := k.grants[key]
	if g == nil {
		g = &grant{turn: make(chan struct{}, 1)}
		k.grants[key] = g
	}
	return g
}

// digest tells lists of texts apart and gives none of them away.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// answer is what an endpoint or a program gave.
type answer struct {
	token   smtp.Secret
	refresh smtp.Secret // another one than was asked with; mostly empty
	kind    string      // token_type; empty is taken for a bearer token
	life    time.Duration
}

// maxToken bounds an access token: with its frame and in base64 it must fit
// into one line (RFC 4954 4).
const maxToken = 9000

// check finds what is no token, whatever it was called.
func (a answer) check() error {
	text := a.token.Reveal()
	switch {
	case text == "":
		return errors.New("there is no access token in the answer")
	case len(text) > maxToken:
		return errors.New("the access token is longer than any server takes")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the access token holds blanks or control characters: it is none")
	case a.kind != "" && !strings.EqualFold(a.kind, "bearer"):
		return errors.New("the access token is no bearer token, which is the only kind that mail servers take")
	}
	return nil
}

// usable is how long the token is used: not to its end, and of a short life
// the first half.
func (a answer) usable() time.Duration {
	life := min(a.life, longestLife)
	return max(0, life-min(skew, life/2))
}
