package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/notify"
	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

// smtpPort is where the mail servers of domains listen (RFC 5321 4.5.4.2).
const smtpPort = 25

// accountAttributes are those of a mailserver block that only an account has.
func accountAttributes() []string {
	return []string{"provider", "host", "port", "insecure", "username", "password", "auth", "ca_file", "fingerprint"}
}

// directServer decodes a mailserver block with direct = true: there is no
// account, mail goes to the mail servers of its recipients' domains.
func (l *loader) directServer(s *scope, name string) {
	a := notify.Account{Server: smtp.Server{Name: name, Direct: true, Port: smtpPort, TLS: smtp.TLSOpportunistic}}
	for _, attribute := range accountAttributes() {
		if attr := s.attr(attribute); attr != nil {
			s.fail(attr.NameRange, "Not used", "direct = true sends to the mail servers of the recipients' domains, port 25, without a login. Leave out %q.", attribute)
		}
	}
	for _, block := range items(s.body) {
		if block.Type == "oauth" {
			s.fail(block.DefRange(), "Not used", "direct = true logs in nowhere. Leave out the block \"oauth\".")
		}
	}
	if s.oneOf("tls", "", "starttls").text == "starttls" {
		a.TLS = smtp.TLSStartTLS
	}
	a.Hello = s.hello("")
	if !strings.ContainsAny(a.Hello, ".[") && s.body.Attributes["hostname"] == nil {
		s.fail(s.header, "Name without a domain", "Mail servers refuse a greeting as %q. Set the name that this machine's address has in the DNS: hostname = \"web-1.example.com\"", a.Hello)
	}
	a.Source = s.sourceAddress()
	a.Timeout, _ = s.duration("timeout", 0)
	a.Retry = s.retry()
	a.Limit = s.limits(provider.Generic())
	s.done("limit", "oauth")
	l.direct = append(l.direct, name)
	l.config.Accounts = append(l.config.Accounts, a)
}

// directLast holds that direct delivery is the last resort of a list.
func (s *scope) directLast(servers []string, at hcl.Range) {
	for i, name := range servers {
		if i < len(servers)-1 && slices.Contains(s.loader.direct, name) {
			s.fail(at, "Not the last resort", "mailserver.%s delivers directly, so it comes last in this list.", name)
		}
	}
}

// commonServers lists the mail servers for mail that names none: those in the
// order of the file, but for such as only get the mail of some domains, and
// those that deliver directly.
func (l *loader) commonServers() []string {
	var common, all []string
	for _, name := range l.servers {
		if slices.Contains(l.direct, name) {
			continue
		}
		all = append(all, name)
		if !l.config.Domains.Names(name) {
			common = append(common, name)
		}
	}
	if common == nil {
		return all
	}
	return common
}

// otherServers lists the mail servers for mail that is no mail block's: the
// common ones, and the direct delivery that the first mail block names.
func (l *loader) otherServers() []string {
	servers := l.commonServers()
	if len(l.config.Mails) == 0 {
		return servers
	}
	for _, name := range l.config.Mails[0].Servers {
		if slices.Contains(l.direct, name) {
			servers = append(servers, name)
		}
	}
	return servers
}
