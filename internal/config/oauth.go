package config

import (
	"net/url"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

// grant reads the oauth block: where access tokens come from. What a provider
// has fixed need not be written.
func (s *scope) grant(preset provider.Preset) (g smtp.Grant, at *hcl.Range) {
	for _, block := range items(s.body) {
		if block.Type != "oauth" {
			continue
		}
		if at != nil {
			s.fail(block.DefRange(), "Second oauth block", "The oauth block of this server is at %s.", place(*at))
			continue
		}
		at = block.DefRange().Ptr()
		s.loader.labels(block)
		inner := s.loader.scope(s.source, block)
		inner.name = "oauth of " + s.name
		g = inner.grantBlock(preset)
		inner.done()
	}
	return g, at
}

func (s *scope) grantBlock(preset provider.Preset) smtp.Grant {
	tokenURL, clientID, scope, tenant := s.text("token_url"), s.text("client_id"), s.text("scope"), s.text("tenant")
	secret, refresh := s.text("client_secret"), s.text("refresh_token")
	g := smtp.Grant{Command: s.program("command")}
	for _, name := range []string{"token_url", "client_id", "client_secret", "refresh_token", "scope", "tenant"} {
		if attr := s.body.Attributes[name]; attr != nil && s.body.Attributes["command"] != nil {
			s.fail(attr.NameRange, "Not used", "\"command\" is all that is needed of a token: leave %q out, or \"command\".", name)
			return g
		}
	}
	if s.body.Attributes["command"] != nil {
		return g
	}
	if s.body.Attributes["client_id"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs client_id with refresh_token or client_secret, or else command = [\"/usr/local/bin/token\"], a program that prints an access token.", s.name)
		return g
	}
	for name, v := range map[string]setting{"client_id": clientID, "client_secret": secret, "refresh_token": refresh, "scope": scope} {
		s.oneLine(name, v)
	}
	s.literal("client_secret", "client secret", secret)
	s.literal("refresh_token", "refresh token", refresh)
	g.ClientID, g.ClientSecret, g.RefreshToken = clientID.text, smtp.NewSecret(secret.text), smtp.NewSecret(refresh.text)
	app := s.body.Attributes["refresh_token"] == nil
	if app && s.body.Attributes["client_secret"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs refresh_token, or client_secret for the application's own login (client credentials).", s.name)
	} else if app && preset.OAuth.TokenURL != "" && preset.OAuth.AppScope == "" {
		s.fail(s.header, "Missing attribute", "%s needs refresh_token: %s gives no access to mail to an application alone.", s.name, preset.Title)
	}
	g.TokenURL = s.tokenURL(tokenURL, tenant, preset, app && s.body.Attributes["client_secret"] != nil)
	g.Scope = preset.OAuth.Scope
	if app {
		g.Scope = preset.OAuth.AppScope
	}
	if scope.set {
		g.Scope = scope.text
	}
	return g
}

// tokenURL is the endpoint: set, or the provider's with the tenant in it.
func (s *scope) tokenURL(v, tenant setting, preset provider.Preset, app bool) string {
	known := preset.OAuth
	takesTenant := strings.Contains(known.TokenURL, provider.Tenant)
	switch {
	case tenant.set && (!takesTenant || v.set):
		s.fail(tenant.at, "Not used", "\"tenant\" is the part of Microsoft's token_url that differs; with provider %q and a token_url as it is here there is none.", preset.Name)
	case tenant.set && !tenant.unknown && !isHostName(tenant.text):
		s.fail(tenant.at, "Invalid value", "%s is no tenant: it is the directory's ID, such as \"9188040d-6c67-4c5b-b112-36a304b66dad\", or one of its domains.", tenant.shown())
	case takesTenant && !v.set && app && !tenant.set:
		s.fail(s.header, "Missing attribute", "%s needs \"tenant\" for the application's own login: the directory's ID or one of its domains.", s.name)
	}
	switch {
	case v.set && !v.unknown:
		s.checkTokenURL(v)
		return v.text
	case v.set:
		return ""
	case known.TokenURL == "":
		s.fail(s.header, "Missing attribute", "%s needs \"token_url\", for instance: token_url = \"https://login.example.com/oauth2/token\"", s.name)
		return ""
	case tenant.set:
		return strings.Replace(known.TokenURL, provider.Tenant, tenant.text, 1)
	default:
		return strings.Replace(known.TokenURL, provider.Tenant, known.Tenant, 1)
	}
}

func (s *scope) checkTokenURL(v setting) {
	u, err := url.Parse(v.text)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		s.fail(v.at, "Invalid URL", "%s is no token endpoint, such as \"https://login.example.com/oauth2/token\".", v.shown())
	case u.User != nil || u.Fragment != "":
		s.fail(v.at, "Invalid URL", "The URL of a token endpoint has neither a login before its host nor a \"#\" part.")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		s.fail(v.at, "Not encrypted", "Without TLS everybody on the way could read the secrets: the URL begins with https://. Only on this machine http:// will do.")
	}
}

// loginByToken finds what does not go with an oauth block at the given place.
func (s *scope) loginByToken(auth string, at hcl.Range) {
	attributes := s.body.Attributes
	switch {
	case attributes["password"] != nil:
		s.fail(at, "Two logins", "%s has a password and an oauth block: an access token takes the place of the password. Leave one of them out.", s.name)
	case auth != "auto" && auth != "xoauth2" && auth != "oauthbearer":
		s.fail(attributes["auth"].Expr.Range(), "Invalid value", "With an oauth block \"auth\" is \"auto\", \"xoauth2\" or \"oauthbearer\".")
	case attributes["username"] == nil:
		s.fail(at, "Username missing", "%s has an oauth block but no username: the address of the mailbox that the access token is for.", s.name)
	}
}

// oneLine refuses a text that is empty or has several lines.
func (s *scope) oneLine(name string, v setting) {
	if !v.set || v.unknown {
		return
	}
	if v.text == "" {
		s.fail(v.at, "Empty value", "%q must not be empty.", name)
	}
	if strings.ContainsAny(v.text, "\r\n\x00") {
		s.fail(v.at, "Invalid value", "%q holds a line end or a NUL byte. A secret file has one line.", name)
	}
}
