package smtp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/smtp"
)

// tokensOf always gives the same token.
type tokensOf []string

func (t tokensOf) Token(context.Context, smtp.Server, bool) (smtp.Token, error) {
	return smtp.Token{Text: smtp.NewSecret(t[0])}, nil
}

// keeper has one token and gets a fresh one when asked.
type keeper struct {
	asked      []bool
	fresh      int // that are there
	notBefore  error
	afterwards error
}

func (k *keeper) Token(_ context.Context, _ smtp.Server, fresh bool) (smtp.Token, error) {
	k.asked = append(k.asked, fresh)
	if !fresh {
		return smtp.Token{Text: smtp.NewSecret("kept-token-0"), Kept: true}, k.notBefore
	}
	k.fresh++
	return smtp.Token{Text: smtp.NewSecret(fmt.Sprintf("fresh-token-%d", k.fresh))}, k.afterwards
}

func xoauth2(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=alice\x01auth=Bearer " + token + "\x01\x01"))
}

// login is the script of one connection.
func login(token, answer string) []string {
	return []string{
		"S: 220 ready", "C: EHLO web-1.example.com", "S: 250-hi", "S: 250 AUTH XOAUTH2",
		"C: AUTH XOAUTH2 " + xoauth2(token), "S: " + answer,
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	gone := &smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseToken, Err: errors.New("revoked")}
	tests := []struct {
		name    string
		keeper  keeper
		scripts [][]string
		want    string // the error
		asked   []bool
	}{
		{"good", keeper{}, [][]string{login("kept-token-0", "235 ok")}, "", []bool{false}},
		{
			"revoked",
			keeper{},
			[][]string{login("kept-token-0", "535 5.7.8 no"), login("fresh-token-1", "235 ok")},
			"",
			[]bool{false, true},
		},
		{
			"both refused",
			keeper{},
			[][]string{login("kept-token-0", "535 5.7.8 no"), login("fresh-token-1", "535 5.7.8 never")},
			"account, auth-broken: auth: 535 5.7.8 never",
			[]bool{false, true},
		},
		{
			"no other one",
			keeper{afterwards: gone},
			[][]string{login("kept-token-0", "535 5.7.8 no")},
			"account, auth-broken: token: revoked",
			[]bool{false, true},
		},
		{"none at all", keeper{notBefore: gone}, nil, "account, auth-broken: token: revoked", []bool{false}},
		{
			"not the token's fault",
			keeper{},
			[][]string{login("kept-token-0", "454 4.7.0 later")},
			"account, transient: auth: 454 4.7.0 later",
			[]bool{false},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := clear()
				server.OAuth = smtp.Grant{ClientID: "x"}
				var steps []string
				next := func() net.Conn {
					conn := playOn(t, tt.scripts[0])
					tt.scripts = tt.scripts[1:]
					return conn
				}
				s, err := smtp.Dialer{Tokens: &tt.keeper}.DialOver(t.Context(), next, server, func(s smtp.Step) { steps = append(steps, s.Text) })
				got := ""
				if err == nil {
					_ = s.Close()
				} else {
					got = failure(err)
				}
				if got != tt.want || len(tt.scripts) > 0 {
					t.Errorf("got %q with %d connections not made, want %q", got, len(tt.scripts), tt.want)
				}
				if diff := cmp.Diff(tt.asked, tt.keeper.asked); diff != "" {
					t.Errorf("asked for fresh ones (-want +got):\n%s", diff)
				}
				if text := strings.Join(steps, "\n"); strings.Contains(text, "token-") || strings.Contains(text, xoauth2("kept-token-0")) {
					t.Errorf("a token is in the trace:\n%s", text)
				}
			})
		})
	}
}

func TestWithoutTokens(t *testing.T) {
	server := clear()
	server.OAuth = smtp.Grant{ClientID: "x"}
	if _, err := smtp.Dial(t.Context(), server, nil); err == nil || failure(err) != "account, auth-broken: token: nothing here gives access tokens" {
		t.Errorf("got %v", err)
	}
}

func TestATokenCannotReachIntoTheLogin(t *testing.T) {
	server := clear()
	server.OAuth = smtp.Grant{ClientID: "x"}
	for _, token := range []string{"a\x01b", "a\r\nMAIL", "a b", "ä"} {
		_, err := smtp.Dialer{Tokens: tokensOf{token}}.DialOver(t.Context(), func() net.Conn { return nil }, server, nil)
		if !errors.Is(err, smtp.ErrMalformed) {
			t.Errorf("%q: got %v, want %v", token, err, smtp.ErrMalformed)
		}
	}
}

func TestHintOfARefusedToken(t *testing.T) {
	challenge := base64.StdEncoding.EncodeToString([]byte(`{"status":"insufficient_scope","scope":"mail"}`))
	script := append(login("kept-token-0", "334 "+challenge), "C: ", "S: 535 no")
	server := clear()
	server.OAuth = smtp.Grant{ClientID: "x"}
	_, err := smtp.Dialer{Tokens: tokensOf{"kept-token-0"}}.DialOver(t.Context(), func() net.Conn { return playOn(t, script) }, server, nil)
	const want = "the access token is not for sending mail: ask for the scope that the error names, and have the account's owner consent to it"
	if got := smtp.Hint(err, "gmail"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
