package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/testprogram"
	"tocsin/notify/oauth"
	"tocsin/notify/smtp"
)

// lives is an endpoint without a network, whose tokens live for so many
// seconds, each for its own; the last repeats.
type lives struct {
	mu      sync.Mutex
	seconds []int
	asked   int
	hang    bool
}

func (l *lives) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	body := fmt.Sprintf(`{"access_token":"access-%d","expires_in":%d}`, l.asked, l.seconds[min(l.asked, len(l.seconds))-1])
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

const place = "https://login.example.com/token"

func TestWhenATokenIsRefreshed(t *testing.T) {
	tests := []struct {
		name    string
		seconds int
		same    time.Duration // still the same after
		other   time.Duration // another one after
	}{
		{"an hour", 3600, 59*time.Minute - time.Second, 59 * time.Minute},
		{"two minutes", 120, 59 * time.Second, time.Minute},
		{"a minute", 60, 29 * time.Second, 30 * time.Second},
		{"unsaid", 0, 4*time.Minute - time.Second, 4 * time.Minute},
		{"a year", 365 * 86400, 24*time.Hour - time.Minute - time.Second, 24*time.Hour - time.Minute},
		{"over already", -1, -1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, _ := newKeeper(t)
				k.Transport = &lives{seconds: []int{tt.seconds}}
				take := func() string {
					token, err := k.Token(t.Context(), account(place), false)
					if err != nil {
						t.Fatal(err)
					}
					return token.Text.Reveal()
				}
				got := []string{take()}
				if tt.same >= 0 {
					<-time.After(tt.same)
					got = append(got, take())
				}
				<-time.After(tt.other - max(0, tt.same))
				want := []string{"access-1", "access-1", "access-2"}
				if tt.same < 0 {
					want = want[1:]
				}
				if diff := cmp.Diff(want, append(got, take())); diff != "" {
					t.Errorf("tokens (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAnEndpointThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		k.Transport = &lives{hang: true}
		began := time.Now()
		_, err := k.Token(t.Context(), account(place), false)
		f, ok := errors.AsType[*smtp.Failure](err)
		if !ok || f.Class != smtp.Transient || f.Error() != "token: ask login.example.com: no answer in time" || time.Since(began) != 20*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestTheCallerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		k.Transport = &lives{hang: true}
		why := errors.New("reload")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 2 { // one asks, one waits for its turn
			wg.Go(func() {
				if _, err := k.Token(ctx, account(place), false); !errors.Is(err, why) {
					t.Errorf("got %v, want %v", err, why)
				}
			})
		}
		synctest.Wait()
		cancel(why)
		wg.Wait()
	})
}

func TestOneRequestForAll(t *testing.T) {
	k, _ := newKeeper(t)
	endpoint := &lives{seconds: []int{3600}}
	k.Transport = endpoint
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := k.Token(t.Context(), account(place), false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	other := account(place)
	other.OAuth.Scope = "another"
	if _, err := k.Token(t.Context(), other, false); err != nil || endpoint.asked != 2 {
		t.Errorf("got %d requests and %v, want one for each grant", endpoint.asked, err)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name, script, token string
		class               smtp.Class
		err                 string // without the program's name
	}{
		{"a token", `echo access-1`, "access-1", 0, ""},
		{"a token beside words", `echo access-1; echo trouble >&2`, "access-1", 0, ""},
		{"an answer", `echo '{"access_token":"access-1","token_type":"Bearer","expires_in":"3600"}'`, "access-1", 0, ""},
		{"nothing", `true`, "", smtp.AuthBroken, "it prints nothing"},
		{"two lines", `echo access-1; echo access-2`, "", smtp.AuthBroken, "the access token holds blanks or control characters: it is none"},
		{"no JSON", `echo '{access-1'`, "", smtp.AuthBroken, "it prints JSON that cannot be read"},
		{"no token in it", `echo '{"id_token":"access-1"}'`, "", smtp.AuthBroken, "there is no access token in the answer"},
		{"failed", `echo access-1; echo access-1 >&2; exit 3`, "", smtp.AuthBroken, "exit status 3"},
		{"later", `exit 75`, "", smtp.Transient, "exit status 75"},
		{"loud", `head -c 100000 /dev/zero | tr '\0' x`, "", smtp.AuthBroken, "it prints more than 8192 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if err := testprogram.Write(path, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			k := &oauth.Keeper{}
			token, err := k.Token(t.Context(), smtp.Server{OAuth: smtp.Grant{Command: []string{path}}}, false)
			if tt.err == "" {
				if err != nil || token.Text.Reveal() != tt.token {
					t.Errorf("got %v, %v", token, err)
				}
				return
			}
			f, ok := errors.AsType[*smtp.Failure](err)
			if want := "token: token command " + path + ": " + tt.err; !ok || f.Class != tt.class || f.Error() != want {
				t.Errorf("got %v, want %s, %s", err, tt.class, want)
			}
			if strings.Contains(err.Error(), "access-1") || smtp.Hint(err, "") == "" {
				t.Errorf("got %v, hint %q", err, smtp.Hint(err, ""))
			}
		})
	}
	k := &oauth.Keeper{}
	_, err := k.Token(t.Context(), smtp.Server{OAuth: smtp.Grant{Command: []string{"/no/such/program"}}}, false)
	if f, ok := errors.AsType[*smtp.Failure](err); !ok || f.Class != smtp.AuthBroken || f.Error() != "token: token command /no/such/program: start: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
