package heartbeat

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const secret = "5f3c1e6b-secret"

// TestSend asks a service that answers in every way; no error names the URL.
func TestSend(t *testing.T) {
	var got []string
	mux := http.NewServeMux()
	note := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.Method+" "+r.URL.RequestURI()+" "+strings.TrimSpace(string(body))+r.Header.Get("Referer"))
			w.WriteHeader(status)
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		}
	}
	mux.HandleFunc("/"+secret, note(http.StatusOK))
	mux.HandleFunc("/"+secret+"/gone", note(http.StatusNotFound))
	mux.Handle("/"+secret+"/moved", http.RedirectHandler("/"+secret, http.StatusFound))
	mux.Handle("/"+secret+"/round", http.RedirectHandler("/"+secret+"/round", http.StatusFound))
	mux.HandleFunc("/"+secret+"/nowhere", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://%zz/"+secret)
		w.WriteHeader(http.StatusFound)
	})
	hang := make(chan struct{})
	mux.HandleFunc("/"+secret+"/hangs", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(hang)
	encrypted := httptest.NewTLSServer(mux)
	defer encrypted.Close()
	for name, tt := range map[string]struct {
		url, method string
		want        string // the error; empty for none
	}{
		"get":           {server.URL + "/" + secret + "?status=up&msg=OK", http.MethodGet, ""},
		"post":          {server.URL + "/" + secret, http.MethodPost, ""},
		"moved":         {server.URL + "/" + secret + "/moved", http.MethodGet, ""},
		"gone":          {server.URL + "/" + secret + "/gone", http.MethodGet, "answered 404 Not Found"},
		"round":         {server.URL + "/" + secret + "/round", http.MethodGet, "more than 3 redirections"},
		"moved badly":   {server.URL + "/" + secret + "/nowhere", http.MethodGet, "it redirects to what is no URL"},
		"hangs":         {server.URL + "/" + secret + "/hangs", http.MethodGet, "deadline exceeded"},
		"not trusted":   {encrypted.URL + "/" + secret, http.MethodGet, "certificate"},
		"nobody there":  {"http://127.0.0.1:1/" + secret, http.MethodGet, "connection refused"},
		"not a service": {"http://127.0.0.1:1:/" + secret, http.MethodGet, "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			got = nil
			b := Beat{Name: name, Method: tt.method, Timeout: time.Minute}
			if name == "hangs" {
				b.Timeout = 50 * time.Millisecond
			}
			err := b.send(t.Context(), NewAddress(tt.url), "watching 3 checks")
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("the secret is in %q", err)
			}
			want := map[string]string{
				"get": "GET /" + secret + "?status=up&msg=OK ", "post": "POST /" + secret + " watching 3 checks", "moved": "GET /" + secret + " ",
			}[name]
			if want != "" && (len(got) != 1 || got[0] != want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestRedirectionsKeepTheEncryption, and the URL goes nowhere else.
func TestRedirectionsKeepTheEncryption(t *testing.T) {
	request := func(url string) *http.Request {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := redirected(request("http://example.com/"), []*http.Request{request("https://example.com/" + secret)}); err == nil {
		t.Error("got no error, want one")
	}
	to := request("https://example.org/")
	to.Header.Set("Referer", "https://example.com/"+secret)
	if err := redirected(to, []*http.Request{request("https://example.com/" + secret)}); err != nil || to.Header.Get("Referer") != "" {
		t.Errorf("got %v, %q", err, to.Header)
	}
}

func TestAnAddressIsHidden(t *testing.T) {
	b := Beat{URL: NewAddress("https://hc-ping.com/" + secret), FailURL: NewAddress("::")}
	if text := fmt.Sprintf("%v %+v %#v %s", b, b, b, b.URL); strings.Contains(text, secret) || !strings.Contains(text, "hc-ping.com") {
		t.Errorf("got %s", text)
	}
	for text, good := range map[string]bool{
		"https://hc-ping.com/x": true, "http://kuma:3001/api/push/x?status=up&msg=OK&ping=": true,
		"hc-ping.com/x": false, "ftp://x/": false, "https:///x": false, "": false, "https://a b/": false,
	} {
		if err := Valid(text); (err == nil) != good {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
