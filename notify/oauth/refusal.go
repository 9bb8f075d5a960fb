package oauth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"tocsin/notify/smtp"
)

// maxText bounds what is shown of an endpoint's words.
const maxText = 400

// refusal is why there is no token. Its text is printable and holds no secret.
type refusal struct {
	text  string
	code  string // as of RFC 6749 5.2, such as "invalid_grant"; may be empty
	hint  string
	class smtp.Class
}

func (r *refusal) Error() string { return r.text }

// Hint says what a person does about it; see smtp.Hint.
func (r *refusal) Hint() string { return r.hint }

// failed makes the error of a Token. What nothing is known of is temporary.
func failed(err error) *smtp.Failure {
	f := &smtp.Failure{Class: smtp.Transient, Phase: smtp.PhaseToken, Err: err}
	if r, ok := errors.AsType[*refusal](err); ok {
		f.Class = r.class
	}
	return f
}

// The errors of RFC 6749 5.2, and what Microsoft and others add to them, that
// only a person mends.
const invalidGrant = "invalid_grant"

// hints says by error code what to do.
func hints() map[string]string {
	return map[string]string{
		invalidGrant: "the refresh token was revoked, has expired, was not used for too long, or is of another client: have the account's owner " +
			"consent again and put the new refresh_token into the rule file (Google: while the consent screen is in testing, they expire after 7 days)",
		"invalid_client":         "client_id or client_secret is wrong, or the secret has expired: make a new one where the application is registered",
		"unauthorized_client":    "the application may not do this: allow it the grant (and for client credentials have an administrator consent)",
		"unsupported_grant_type": "the endpoint does not know this grant: look at token_url, and whether refresh_token must be set",
		"invalid_scope":          "scope is not one of the provider's for SMTP, or was not consented to",
		"invalid_request":        "the endpoint does not understand the request: look at token_url, client_id and tenant",
		"access_denied":          "the account's owner or an administrator has withdrawn the consent",
		"consent_required":       "the account's owner must consent again",
		"interaction_required":   "the account's owner must sign in again",
		"invalid_tenant":         "tenant is not one of Microsoft's: it is the directory's ID or domain",
	}
}

// refuse makes the error of a request safe and says what it means.
func refuse(err error, of smtp.Grant, refresh smtp.Secret) error {
	clean := func(text string) string {
		return smtp.Redact(text, maxText, of.ClientSecret, of.RefreshToken, refresh)
	}
	host := "the token endpoint"
	if u, parseErr := url.Parse(of.TokenURL); parseErr == nil {
		host = u.Host
	}
	said, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok {
		return answered(said, host, clean)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return unreachable(wrapped.Err, host, clean)
	}
	// Its texts quote no more of an answer than a character or a number.
	why := strings.TrimPrefix(err.Error(), "oauth2: ")
	return &refusal{
		text: clean(fmt.Sprintf("the answer of %s is none: %s", host, why)), class: smtp.Transient,
		hint: "look at token_url; or something on the way, such as a proxy or a login page, answers in the endpoint's place",
	}
}

// answered is for an endpoint that says no.
func answered(said *oauth2.RetrieveError, host string, clean func(string) string) error {
	status := said.Response.StatusCode
	r := &refusal{code: said.ErrorCode, class: smtp.AuthBroken, hint: hints()[said.ErrorCode]}
	switch {
	case said.ErrorCode != "":
		r.text = clean(fmt.Sprintf("%s refuses a token: %s: %s", host, said.ErrorCode, said.ErrorDescription))
		r.text = strings.TrimSuffix(r.text, ": ")
	case status >= 300 && status < 400:
		r.text = fmt.Sprintf("%s answers with a redirection (%d), which is not followed: the secrets would go elsewhere", host, status)
		r.hint = "set token_url to where it points"
	default:
		r.text = fmt.Sprintf("%s answers %d %s", host, status, http.StatusText(status))
		r.hint = "look at token_url, and whether a proxy on the way answers in the endpoint's place"
	}
	later := said.ErrorCode == "temporarily_unavailable" || said.ErrorCode == "server_error" || said.ErrorCode == "slow_down"
	if later || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		r.class, r.hint = smtp.Transient, "the endpoint is out of order; it is asked again later"
	}
	return r
}

// unreachable is for an endpoint that says nothing.
func unreachable(err error, host string, clean func(string) string) error {
	r := &refusal{text: clean(fmt.Sprintf("ask %s: %v", host, err)), class: smtp.Transient}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		r.text = clean(fmt.Sprintf("ask %s: no answer in time", host))
	}
	r.hint = "check token_url, the resolver, and that a firewall lets this machine reach it (HTTPS_PROXY is followed)"
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		r.class, r.hint = smtp.TLSBroken, "the token endpoint's certificate does not verify: check token_url and the machine's certificates and clock"
	}
	return r
}
