package config

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/notify"
	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

// mailServer decodes one mailserver block.
func (l *loader) mailServer(f found) {
	s := l.scope(f.source, f.block)
	if s.flag("direct") {
		l.directServer(s, f.block.Labels[0])
		return
	}
	preset := s.preset()
	a := notify.Account{Server: smtp.Server{Provider: preset.Name}}
	a.Name = f.block.Labels[0]
	a.Host = s.serverHost(preset)
	s.port(&a, preset)
	username := s.login(&a, preset)
	s.security(&a)
	a.Hello = s.hello(username)
	if preset.FullName && !strings.ContainsAny(a.Hello, ".[") {
		s.warn(s.header, "Name without a domain", "%s refuses a greeting as %q. Set a full name: hostname = \"web-1.example.com\"", preset.Title, a.Hello)
	}
	a.Source = s.sourceAddress()
	a.Timeout, _ = s.duration("timeout", 0)
	a.Retry = s.retry()
	a.Limit = s.limits(preset)
	s.done("limit", "oauth")
	l.remember(a, preset)
	l.config.Accounts = append(l.config.Accounts, a)
}

func (s *scope) serverHost(preset provider.Preset) string {
	var v setting
	if preset.Host == "" {
		v = s.required("host", "host = \""+preset.Example+"\"")
	} else {
		v = s.text("host")
	}
	if !v.set || v.unknown {
		return preset.Host
	}
	if _, err := netip.ParseAddr(strings.Trim(v.text, "[]")); err == nil {
		return strings.Trim(v.text, "[]")
	}
	if name, _, isPair := strings.Cut(v.text, ":"); isPair && isHostName(name) {
		s.fail(v.at, "Invalid host name", "The port stands in an attribute of its own: port = 465.")
	} else if !isHostName(v.text) {
		s.fail(v.at, "Invalid host name", "%s is neither a host name nor an IP address.", v.shown())
	}
	return v.text
}

// port reads port and tls, each of which gives the other its default.
func (s *scope) port(a *notify.Account, preset provider.Preset) {
	port, havePort, _ := s.integer("port", 1, 65535)
	insecure := s.flag("insecure")
	mode := s.oneOf("tls", "", "implicit", "starttls", "none")
	switch mode.text {
	case "implicit":
		a.TLS, a.Port = smtp.TLSImplicit, presetPort(preset, true, 465)
	case "starttls":
		a.TLS, a.Port = smtp.TLSStartTLS, presetPort(preset, false, 587)
	case "none":
		a.TLS, a.Port = smtp.TLSNone, 25
		if !insecure && !isLoopback(a.Host) {
			s.fail(mode.at, "Not encrypted", "Without TLS everybody on the way reads the mail. It is refused unless the server is this machine or you insist: insecure = true.")
		}
	default:
		best := preset.Endpoints[0]
		if known, ok := preset.At(port); ok && havePort {
			best = known
		} else if havePort {
			best.Implicit = port == 465
		}
		a.TLS, a.Port = tlsMode(best), best.Port
	}
	if havePort {
		a.Port = port
	}
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// login reads username, password, oauth and auth, and returns the username.
func (s *scope) login(a *notify.Account, preset provider.Preset) string {
	user, password := s.text("username"), s.text("password")
	a.Auth = s.oneOf("auth", "auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "scram-sha-1-plus", "scram-sha-256-plus", "xoauth2", "oauthbearer", "none").text
	a.Username = user.text
	a.Password = smtp.NewSecret(password.text)
	grant, byToken := s.grant(preset)
	a.OAuth = grant
	haveUser, havePassword := s.body.Attributes["username"] != nil, s.body.Attributes["password"] != nil
	if preset.Username != "" {
		if haveUser && !user.unknown && user.text != "" && user.text != preset.Username {
			s.warn(user.at, "Login may be refused", "The username of every %s account is %q; leave \"username\" out.", preset.Title, preset.Username)
		} else if !haveUser && havePassword {
			haveUser, a.Username = true, preset.Username
		}
	}
	switch {
	case byToken != nil:
		s.loginByToken(a.Auth, *byToken)
	case a.Auth == "xoauth2" || a.Auth == "oauthbearer":
		s.fail(s.header, "Login missing", "auth = %q needs an oauth block, which says where access tokens come from.", a.Auth)
	case a.Auth == "none" && (haveUser || havePassword):
		s.fail(s.header, "Login not used", "auth = \"none\" sends neither username nor password. Leave out either.")
	case a.Auth != "none" && preset.Login != provider.NoLogin && (!haveUser || !havePassword):
		s.fail(s.header, "Login missing", "Provider %q takes mail only after a login: set username and %s.", preset.Name, loginWords(preset))
	case haveUser && !havePassword:
		s.fail(s.header, "Password missing", "%s has a username but no password. For instance: password = credential(\"%s\")", s.name, a.Name)
	case havePassword && !haveUser:
		s.fail(s.header, "Username missing", "%s has a password but no username.", s.name)
	case a.Auth != "auto" && a.Auth != "none" && !haveUser:
		s.fail(s.header, "Username missing", "auth = %q needs username and password.", a.Auth)
	}
	s.oneLine("username", user)
	s.oneLine("password", password)
	s.literal("password", "password", password)
	if byToken != nil && a.TLS == smtp.TLSNone && !isLoopback(a.Host) {
		s.fail(*byToken, "Access token without encryption", "Without TLS the access token would go over the network in clear. Set tls, or leave username and oauth out.")
	}
	if havePassword && a.TLS == smtp.TLSNone && !isLoopback(a.Host) {
		s.fail(password.at, "Password without encryption", "Without TLS the password would go over the network in clear. Set tls, or leave username and password out.")
	}
	return user.text
}

func loginWords(preset provider.Preset) string {
	if preset.OAuth.TokenURL != "" {
		return "password, or username and an oauth block"
	}
	return "password"
}

// literal refuses a secret that every user of the machine can read in the rule
// file. what is its name in a sentence.
func (s *scope) literal(name, what string, secret setting) {
	attr := s.body.Attributes[name]
	if attr == nil || !secret.set {
		return
	}
	if _, isCall := attr.Expr.(*hclsyntax.FunctionCallExpr); isCall {
		return
	}
	s.loader.problems.secret(secret.text)
	if s.source.mode&0o007 != 0 {
		s.fail(attr.Expr.Range(), upperFirst(what)+" open to everybody", "The %s stands in a file that every user of this machine can read. Run: chmod o= %s\nBetter keep it elsewhere: %s = file(\"/etc/tocsin/NAME.secret\") or credential(\"NAME\").", what, shellQuote(s.source.name), name)
	}
}

// security reads how the server's certificate is verified.
func (s *scope) security(a *notify.Account) {
	if v := s.text("ca_file"); v.set && !v.unknown {
		a.Roots = s.roots(v)
		if a.TLS == smtp.TLSNone {
			s.fail(v.at, "Not used", "\"ca_file\" verifies a certificate, and tls = \"none\" has none.")
		}
	}
	v := s.text("fingerprint")
	if !v.set || v.unknown {
		return
	}
	digits := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(v.text))
	digits = strings.TrimPrefix(digits, "sha256")
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 32 {
		s.fail(v.at, "Invalid fingerprint", "It is the SHA-256 of the certificate's public key: 64 hexadecimal digits, colons allowed.")
	}
	if a.TLS == smtp.TLSNone {
		s.fail(v.at, "Not used", "\"fingerprint\" verifies a certificate, and tls = \"none\" has none.")
	}
	a.Fingerprint = digits
}

func (s *scope) roots(v setting) *x509.CertPool {
	pem, _, err := readRegular(s.path(v.text), maxFile)
	s.bring(v.text, string(pem))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && s.loader.opt.Secrets == Optional {
			s.warn(v.at, "Value is not here", "There is no file %q. A running agent will need it.", s.path(v.text))
			return nil
		}
		s.fail(v.at, "Cannot read certificates", "%q: %s.", s.path(v.text), err)
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.fail(v.at, "No certificate", "%q holds no certificate in PEM form.", s.path(v.text))
		return nil
	}
	return pool
}

// hello is our name in EHLO: set, or the agent's when it is an FQDN, or the
// domain that the account is in.
func (s *scope) hello(username string) string {
	host := s.loader.config.Agent.Host
	if v := s.text("hostname"); v.set && !v.unknown {
		literal := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(v.text, "["), "]"), "IPv6:")
		_, err := netip.ParseAddr(literal)
		isLiteral := err == nil && strings.HasPrefix(v.text, "[") && strings.HasSuffix(v.text, "]")
		if !isLiteral && (!isHostName(v.text) || !strings.Contains(v.text, ".") || strings.HasPrefix(strings.ToLower(v.text), "localhost.")) {
			s.fail(v.at, "Invalid host name", "%s: \"hostname\" is what the server is greeted with: a name with a domain, such as web-1.example.com, or an address in brackets. Servers refuse anything else.", v.shown())
		}
		return v.text
	}
	if strings.Contains(host, ".") {
		return host
	}
	if _, domain, ok := strings.Cut(username, "@"); ok && isHostName(domain) {
		return domain
	}
	return host
}

// sourceAddress is the local address to send from, empty for any.
func (s *scope) sourceAddress() string {
	source := s.text("source_address")
	if !source.set || source.unknown {
		return ""
	}
	if _, err := netip.ParseAddr(source.text); err != nil {
		s.fail(source.at, "Invalid address", "%s is not an IP address. \"source_address\" is the local address to send from.", source.shown())
	}
	return source.text
}

// retry reads the waits between tries.
func (s *scope) retry() []time.Duration {
	texts := s.texts("retry")
	if attr := s.body.Attributes["retry"]; attr != nil && (len(texts) == 0 || len(texts) > 32) {
		s.fail(attr.Expr.Range(), "Invalid list", "\"retry\" lists 1 to 32 durations, such as [\"15m\", \"30m\", \"1h\", \"4h\"]; the last one repeats.")
		return nil
	}
	var out []time.Duration
	for _, v := range texts {
		d, err := ParseDuration(v.text)
		switch {
		case v.unknown:
			continue
		case err != nil:
			s.fail(v.at, "Invalid duration", "%s is %s.", v.shown(), err)
		case d < time.Second || d > day:
			s.fail(v.at, "Invalid duration", "%s: a wait between two tries is from 1s to 1d.", v.shown())
		default:
			out = append(out, d)
		}
	}
	return out
}
