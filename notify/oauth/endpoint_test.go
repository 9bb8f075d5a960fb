package oauth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/oauth"
	"tocsin/notify/smtp"
)

const (
	clientSecret = "client-secret-word"
	refreshToken = "refresh-token-word"
)

// account is one with a refresh token at an endpoint.
func account(endpoint string) smtp.Server {
	return smtp.Server{Name: "m", OAuth: smtp.Grant{
		TokenURL: endpoint, ClientID: "app", ClientSecret: smtp.NewSecret(clientSecret),
		RefreshToken: smtp.NewSecret(refreshToken), Scope: "mail offline",
	}}
}

func newKeeper(t *testing.T) (*oauth.Keeper, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	return &oauth.Keeper{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

// endpoint answers every request the same way and keeps what it was asked.
func endpoint(t *testing.T, status int, kind, body string) (*httptest.Server, *[]url.Values) {
	t.Helper()
	var asked []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.Header.Get("Authorization") != "" {
			t.Errorf("got %s with %v", r.Method, r.Header)
		}
		asked = append(asked, r.PostForm)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Location", "http://192.0.2.1/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server, &asked
}

func TestRequests(t *testing.T) {
	const good = `{"access_token":"access-1","token_type":"Bearer","expires_in":3600}`
	byRefresh := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}, "scope": {"mail offline"},
		"client_id": {"app"}, "client_secret": {clientSecret},
	}
	tests := []struct {
		name   string
		change func(*smtp.Grant)
		want   url.Values
	}{
		{"refresh token", func(*smtp.Grant) {}, byRefresh},
		{"public client", func(g *smtp.Grant) { g.ClientSecret = smtp.Secret{} }, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}, "scope": {"mail offline"}, "client_id": {"app"},
		}},
		{"client credentials", func(g *smtp.Grant) { g.RefreshToken = smtp.Secret{} }, url.Values{
			"grant_type": {"client_credentials"}, "scope": {"mail offline"}, "client_id": {"app"}, "client_secret": {clientSecret},
		}},
		{"no scope", func(g *smtp.Grant) { g.Scope = "" }, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}, "client_id": {"app"}, "client_secret": {clientSecret},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, asked := endpoint(t, 200, "application/json", good)
			k, _ := newKeeper(t)
			a := account(server.URL)
			tt.change(&a.OAuth)
			began := time.Now()
			token, err := k.Token(t.Context(), a, false)
			if err != nil || token.Text.Reveal() != "access-1" || token.Kept {
				t.Fatalf("got %+v, %v", token, err)
			}
			if life := token.Expires.Sub(began); life < 58*time.Minute || life > 59*time.Minute+30*time.Second {
				t.Errorf("the token is used for %s, want a minute less than an hour", life)
			}
			if again, err := k.Token(t.Context(), a, false); err != nil || !again.Kept || again.Text != token.Text {
				t.Errorf("a second time: got %+v, %v", again, err)
			}
			if diff := cmp.Diff([]url.Values{tt.want}, *asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// refusals are answers of endpoints and what is made of them.
var refusals = []struct {
	name   string
	status int
	kind   string
	body   string
	class  smtp.Class
	want   string // HOST stands for the endpoint
	hint   string // part of it
}{
	{"revoked", 400, "application/json", `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, smtp.AuthBroken, "token: HOST refuses a token: invalid_grant: Token has been expired or revoked.", "consent again"},
	{"Microsoft", 400, "application/json", `{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired.\r\nTrace ID: 1","error_codes":[700082]}`, smtp.AuthBroken, `token: HOST refuses a token: invalid_grant: AADSTS700082: The refresh token has expired.\\r\\nTrace ID: 1`, "consent again"},
	{"a wrong secret", 401, "application/json", `{"error":"invalid_client"}`, smtp.AuthBroken, "token: HOST refuses a token: invalid_client", "client_secret is wrong"},
	{"no such scope", 400, "application/json", `{"error":"invalid_scope"}`, smtp.AuthBroken, "token: HOST refuses a token: invalid_scope", "scope"},
	{"an error of its own", 403, "application/json", `{"error":"made_up"}`, smtp.AuthBroken, "token: HOST refuses a token: made_up", ""},
	{"an error that is called good", 200, "application/json", `{"error":"invalid_grant"}`, smtp.AuthBroken, "token: HOST refuses a token: invalid_grant", "consent again"},
	{"out of order", 503, "text/html", "<html>" + refreshToken, smtp.Transient, "token: HOST answers 503 Service Unavailable", "asked again later"},
	{"out of order, in words", 400, "application/json", `{"error":"temporarily_unavailable"}`, smtp.Transient, "token: HOST refuses a token: temporarily_unavailable", "asked again later"},
	{"too often", 429, "application/json", `{}`, smtp.Transient, "token: HOST answers 429 Too Many Requests", "asked again later"},
	{"not found", 404, "text/html", "<html>", smtp.AuthBroken, "token: HOST answers 404 Not Found", "token_url"},
	{"elsewhere", 307, "text/html", "", smtp.AuthBroken, "token: HOST answers with a redirection (307), which is not followed: the secrets would go elsewhere", "token_url"},
	{"elsewhere for ever", 301, "text/html", "", smtp.AuthBroken, "token: HOST answers with a redirection (301), which is not followed: the secrets would go elsewhere", "token_url"},
	{"a page", 200, "text/html", "<html>please log in", smtp.Transient, "token: the answer of HOST is none: cannot parse json: invalid character '<' looking for beginning of value", "proxy"},
	{"a page that is called text", 200, "text/plain", "<html>please log in", smtp.Transient, "token: the answer of HOST is none: server response missing access_token", "proxy"},
	{"nothing", 200, "application/json", "", smtp.Transient, "token: the answer of HOST is none: cannot parse json: unexpected end of JSON input", "proxy"},
	{"no token", 200, "application/json", `{}`, smtp.Transient, "token: the answer of HOST is none: server response missing access_token", "proxy"},
	{"endless", 200, "application/json", `{"access_token":"` + strings.Repeat("x", 2<<20), smtp.Transient, "token: the answer of HOST is none: cannot parse json: unexpected end of JSON input", "proxy"},
	{"a token of many lines", 200, "application/json", `{"access_token":"a\r\nb"}`, smtp.Transient, "token: the access token holds blanks or control characters: it is none", ""},
	{"a token that is too long", 200, "application/json", `{"access_token":"` + strings.Repeat("x", 9001) + `"}`, smtp.Transient, "token: the access token is longer than any server takes", ""},
	{"a token of another kind", 200, "application/json", `{"access_token":"x","token_type":"mac"}`, smtp.Transient, "token: the access token is no bearer token, which is the only kind that mail servers take", ""},
	{"secrets in the answer", 400, "application/json", `{"error":"invalid_grant","error_description":"` + refreshToken + ` of ` + clientSecret + ` \u001b[31m"}`, smtp.AuthBroken, `token: HOST refuses a token: invalid_grant: [redacted] of [redacted] \\x1b[31m`, "consent again"},
	{"encoded secrets", 400, "application/json", `{"error":"invalid_grant","error_description":"` + strings.ReplaceAll(refreshToken, "-", "%2d") + ` of client%2Dsecret%2Dword, ` +
		base64.StdEncoding.EncodeToString([]byte("app:"+clientSecret)) + `"}`, smtp.AuthBroken, `token: HOST refuses a token: invalid_grant: [redacted] of [redacted], [redacted]`, "consent again"},
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			server, _ := endpoint(t, tt.status, tt.kind, tt.body)
			k, _ := newKeeper(t)
			_, err := k.Token(t.Context(), account(server.URL), false)
			f, ok := errors.AsType[*smtp.Failure](err)
			if !ok {
				t.Fatalf("got %T %v, want a *smtp.Failure", err, err)
			}
			want := strings.ReplaceAll(tt.want, "HOST", strings.TrimPrefix(server.URL, "http://"))
			want = strings.ReplaceAll(want, `\\`, `\`)
			if f.Class != tt.class || f.Scope != smtp.Account || f.Phase != smtp.PhaseToken || strings.ReplaceAll(f.Error(), `\\`, `\`) != want {
				t.Errorf("got %s, %q\nwant %s, %q", f.Class, f.Error(), tt.class, want)
			}
			if hint := smtp.Hint(err, ""); !strings.Contains(hint, tt.hint) {
				t.Errorf("got hint %q, want %q in it", hint, tt.hint)
			}
			for _, secret := range []string{clientSecret, refreshToken} {
				if strings.Contains(fmt.Sprintf("%+v %#v %s", f, f, smtp.Hint(err, "")), secret) {
					t.Errorf("a secret is in %v", f)
				}
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	server, _ := endpoint(t, 200, "application/json", "{}")
	server.Close()
	k, _ := newKeeper(t)
	_, err := k.Token(t.Context(), account(server.URL), false)
	f, _ := errors.AsType[*smtp.Failure](err)
	if f == nil || f.Class != smtp.Transient || !strings.Contains(f.Error(), "connection refused") || !strings.Contains(smtp.Hint(err, ""), "firewall") {
		t.Errorf("got %v", err)
	}
}

func TestACertificateThatDoesNotVerify(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	k, _ := newKeeper(t)
	_, err := k.Token(t.Context(), account(server.URL), false)
	if f, ok := errors.AsType[*smtp.Failure](err); !ok || f.Class != smtp.TLSBroken || !strings.Contains(smtp.Hint(err, ""), "certificate") {
		t.Errorf("got %v", err)
	}
}

// rotating is an endpoint that takes each refresh token once.
func rotating(t *testing.T) (*httptest.Server, *string) {
	t.Helper()
	next, n := refreshToken, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("refresh_token") != next {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		n++
		next = fmt.Sprintf("rotated-token-%d", n)
		_, _ = fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":%q,"expires_in":3600}`, n, next)
	}))
	t.Cleanup(server.Close)
	return server, &next
}

func TestARotatedRefreshTokenIsKept(t *testing.T) {
	server, _ := rotating(t)
	k, log := newKeeper(t)
	for i := 1; i <= 3; i++ {
		if i == 3 { // a restart
			k = &oauth.Keeper{Dir: k.Dir, Log: k.Log}
		}
		token, err := k.Token(t.Context(), account(server.URL), true)
		if err != nil || token.Text.Reveal() != fmt.Sprintf("access-%d", i) {
			t.Fatalf("%d: got %v, %v", i, token, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(k.Dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v, want one file", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want the mode 0600", info, err)
	}
	if log.Len() > 0 {
		t.Errorf("got the log %s", log)
	}
	changed := account(server.URL)
	changed.OAuth.RefreshToken = smtp.NewSecret("given-by-hand")
	if _, err := k.Token(t.Context(), changed, false); err == nil {
		t.Error("a new refresh token in the rule file is not asked with")
	}
}

func TestAnotherProcessHasRotated(t *testing.T) {
	server, _ := rotating(t)
	agent, _ := newKeeper(t)
	command := &oauth.Keeper{Dir: agent.Dir, Log: agent.Log}
	for i, k := range []*oauth.Keeper{agent, command, agent, command} {
		if _, err := k.Token(t.Context(), account(server.URL), true); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestTheRuleFilesTokenIsTheLastResort(t *testing.T) {
	server, next := rotating(t)
	k, _ := newKeeper(t)
	if _, err := k.Token(t.Context(), account(server.URL), true); err != nil {
		t.Fatal(err)
	}
	*next = refreshToken // whatever was kept is of no use
	if _, err := k.Token(t.Context(), account(server.URL), true); err != nil {
		t.Error(err)
	}
}

func TestADiskThatIsGone(t *testing.T) {
	server, _ := rotating(t)
	k, log := newKeeper(t)
	k.Dir = filepath.Join(k.Dir, "gone")
	for range 2 {
		if _, err := k.Token(t.Context(), account(server.URL), true); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(log.String(), "could not be saved") || strings.Contains(log.String(), "rotated-token") {
		t.Errorf("got the log %s", log)
	}
}

func TestADamagedFile(t *testing.T) {
	server, next := rotating(t)
	k, log := newKeeper(t)
	if _, err := k.Token(t.Context(), account(server.URL), true); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(k.Dir, "*"))
	if err := os.WriteFile(files[0], []byte(`{"refresh_token`), 0o600); err != nil {
		t.Fatal(err)
	}
	*next = refreshToken
	if _, err := k.Token(t.Context(), account(server.URL), true); err != nil || !strings.Contains(log.String(), "damaged") {
		t.Errorf("got %v and the log %s", err, log)
	}
}
