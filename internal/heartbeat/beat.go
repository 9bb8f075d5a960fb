// Package heartbeat tells somebody else, again and again, that the agent is
// well, so that the silence of a dead one is noticed.
package heartbeat

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of a conversation.
const (
	maxAnswer    = 64 << 10 // of the answer, which is not looked at
	maxHeader    = 64 << 10
	maxRedirects = 3
	maxBody      = 1 << 10 // of the line that is sent
)

// Address is a URL that is a secret: whoever knows it can say that all is well.
type Address struct{ text string }

// NewAddress keeps a URL.
func NewAddress(text string) Address { return Address{text} }

// IsSet says whether there is one.
func (a Address) IsSet() bool { return a.text != "" }

// String is the host alone, for %v and %s.
func (a Address) String() string {
	u, err := url.Parse(a.text)
	if err != nil || a.text == "" {
		return "[redacted]"
	}
	return u.Scheme + "://" + u.Host + "/[redacted]"
}

// GoString hides the URL from %#v.
func (a Address) GoString() string { return a.String() }

// Beat is one heartbeat.
type Beat struct {
	Name string
	// URL is asked for while the agent is well, and FailURL, where it is set,
	// while it is not.
	URL, FailURL Address
	// Method is GET or POST, which has a line about the agent as its body.
	Method string
	// Every is the time between two, Timeout how long one may take.
	Every, Timeout time.Duration
	// MailAge is for how long mail may wait that does not work, before the agent
	// is not well.
	MailAge time.Duration
}

// send asks for a URL. Errors never hold it.
func (b Beat) send(ctx context.Context, to Address, line string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	var body io.Reader
	if b.Method == http.MethodPost {
		if len(line) > maxBody {
			line = strings.ToValidUTF8(line[:maxBody], "")
		}
		body = strings.NewReader(line + "\n")
	}
	r, err := http.NewRequestWithContext(ctx, b.Method, to.text, body)
	if err != nil {
		return errors.New("ask: not a URL")
	}
	r.Header.Set("User-Agent", "tocsin")
	if body != nil {
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	// One connection a beat: an idle one would be kept for nothing.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, CheckRedirect: redirected}).Do(r)
	if err != nil {
		return fmt.Errorf("ask: %w", hidden(err))
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // it says what it says
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}

// redirected follows a few redirections, and none that gives up encryption. The
// URL goes to nobody else.
func redirected(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer")
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirections", maxRedirects)
	case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
		return errors.New("it redirects to a place without encryption")
	}
	return nil
}

// hidden takes the URL out of an error.
func hidden(err error) error {
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		return hidden(wrong.Err)
	}
	if strings.HasPrefix(err.Error(), "failed to parse Location header") { // it quotes it, and that may have ours in it
		return errors.New("it redirects to what is no URL")
	}
	return err
}

// Valid says what is wrong with a URL, without quoting it; nil when nothing is.
func Valid(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.ContainsAny(text, " \t\r\n") {
		return errors.New("one begins with https:// or http:// and names a host")
	}
	return nil
}
