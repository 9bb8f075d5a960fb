package oauth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"tocsin/notify/smtp"
)

// The limits of a request; golang.org/x/oauth2 reads at most 1 MiB of an
// answer.
const (
	requestTimeout = 20 * time.Second
	dialTimeout    = 10 * time.Second
	maxHeader      = 64 << 10
)

// newTransport makes one that keeps no connection: there is a request an hour.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives:      true,
	}
}

// fromEndpoint asks the token endpoint. A refresh token that it replaces is
// kept before the access token is used. When the newest refresh token is
// refused, another process may have had it replaced just now, or the one in the
// rule file may still be good.
func (k *Keeper) fromEndpoint(ctx context.Context, of smtp.Grant) (answer, error) {
	if of.RefreshToken.Reveal() == "" {
		return k.post(ctx, of, smtp.Secret{})
	}
	tried := k.refreshToken(of)
	a, err := k.post(ctx, of, tried)
	if refusal, ok := errors.AsType[*refusal](err); ok && refusal.code == invalidGrant {
		for _, other := range []smtp.Secret{k.refreshToken(of), of.RefreshToken} {
			if other != tried {
				a, err = k.post(ctx, of, other)
				break
			}
		}
	}
	if err == nil && a.refresh.Reveal() != "" {
		k.keep(of, a.refresh)
	}
	return a, err
}

// post makes one request. golang.org/x/oauth2 has no scope for its refresh
// request, which Microsoft's endpoint wants; its client credentials with
// another grant_type are the same request with one.
func (k *Keeper) post(ctx context.Context, of smtp.Grant, refresh smtp.Secret) (answer, error) {
	config := clientcredentials.Config{
		ClientID: of.ClientID, ClientSecret: of.ClientSecret.Reveal(), TokenURL: of.TokenURL,
		Scopes: strings.Fields(of.Scope), AuthStyle: oauth2.AuthStyleInParams,
	}
	if refresh.Reveal() != "" {
		config.EndpointParams = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}
	}
	transport := k.Transport
	if transport == nil {
		transport = newTransport()
	}
	client := &http.Client{
		Transport: transport, Timeout: requestTimeout,
		// The secrets go where the rule file says and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return answer{}, refuse(err, of, refresh)
	}
	a := answer{token: smtp.NewSecret(token.AccessToken), kind: token.TokenType, life: unsaidLife}
	if !token.Expiry.IsZero() {
		a.life = time.Until(token.Expiry)
	}
	if token.RefreshToken != refresh.Reveal() {
		a.refresh = smtp.NewSecret(token.RefreshToken)
	}
	return a, nil
}
