package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/notify"
	"tocsin/notify/provider"
	"tocsin/notify/smtp"
	"tocsin/templates"
)

// preset reads the attribute provider.
func (s *scope) preset() provider.Preset {
	v := s.text("provider")
	if !v.set || v.unknown {
		return provider.Generic()
	}
	if p, ok := provider.Find(v.text); ok {
		return p
	}
	names := provider.Names()
	s.fail(v.at, "Unknown provider", "%s is no provider that Tocsin has a preset for; it has %s.%s For any other server leave \"provider\" out.",
		v.shown(), list(quoted(names), "and"), didYouMean(v.text, slices.Concat(names, provider.Aliases())))
	// What the real one sets is not asked for.
	return provider.Preset{Name: v.text, Host: "provider.invalid", Endpoints: provider.Generic().Endpoints}
}

// sender is what a mail server takes as the sender of a mail.
type sender struct {
	provider string
	from     provider.From
	address  string // the account's own, empty when the username is none
}

// remember keeps what the mail blocks need to know of a server.
func (l *loader) remember(a notify.Account, preset provider.Preset) {
	known := sender{provider: preset.Name, from: preset.From}
	if _, _, err := templates.Address(a.Username); err == nil {
		known.address = a.Username
	}
	l.senders[a.Name] = known
}

// checkFrom warns when a server of a mail block is known to refuse its sender.
func (s *scope) checkFrom(m notify.Mail, set bool, at hcl.Range) {
	_, from, err := templates.Address(m.From)
	if err != nil {
		return
	}
	for _, name := range m.Servers {
		server := s.loader.senders[name]
		switch {
		case server.from == provider.FromAccount && server.address != "" && !strings.EqualFold(server.address, from):
			s.warn(at, "Sender may be refused", "mailserver.%s (%s) takes mail only from the address that is its username; this mail is from another one.", name, server.provider)
		case server.from == provider.FromVerified && !set && server.address == "":
			s.warn(at, "Sender may be refused", "mailserver.%s (%s) takes mail only from addresses that were verified there. Set one: from = \"alerts@example.com\"; without it the mail is from %q.", name, server.provider, from)
		}
	}
}

// tlsMode is how the endpoint of a preset is secured.
func tlsMode(e provider.Endpoint) smtp.TLSMode {
	if e.Implicit {
		return smtp.TLSImplicit
	}
	return smtp.TLSStartTLS
}

// presetPort is the preset's port with that security, or the usual one.
func presetPort(preset provider.Preset, implicit bool, usual int) int {
	if e, ok := preset.Endpoint(implicit); ok {
		return e.Port
	}
	return usual
}
