package config

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin/notify"
	"tocsin/templates"
)

const (
	maxRecipients = 100 // of one mail block
	maxHeaders    = 20
)

// mail decodes one mail block.
func (l *loader) mail(f found) {
	s := l.scope(f.source, f.block)
	m := notify.Mail{Name: f.block.Labels[0]}
	from, replyTo := s.text("from"), s.text("reply_to")
	m.To, m.Cc, m.Bcc = s.mailboxes("to"), s.mailboxes("cc"), s.mailboxes("bcc")
	m.Servers = s.refs("servers", "mailserver")
	if m.Servers == nil {
		if m.Servers = l.commonServers(); len(m.Servers) == 0 && len(l.direct) > 0 {
			s.fail(s.header, "No mail server", "mailserver.%s delivers directly, which is done for a mail block only that names it: servers = [mailserver.%s]", l.direct[0], l.direct[0])
		}
	} else {
		s.directLast(m.Servers, s.body.Attributes["servers"].Expr.Range())
	}
	if name := s.ref("template", "template"); name != "" {
		m.Template = l.templates[name]
	}
	m.Headers = s.headers()
	m.Style = templates.Style{TextOnly: s.oneOf("format", "html", "text").text == "text", SubjectState: s.flag("subject_state")}
	m.From = s.mailbox(from)
	if !from.set {
		m.From = l.defaultFrom(m.Servers)
	}
	m.ReplyTo = s.mailbox(replyTo)
	at := from.at
	if !from.set {
		at = s.header
	}
	s.checkFrom(m, from.set, at)
	s.recipients(&m)
	m.Filter = s.filter()
	s.recipientFilters(&m)
	m.Fallback = s.fallback(m.Name)
	s.done("recipient", "fallback")
	l.config.Mails = append(l.config.Mails, m)
}

// defaultFrom is the first server's own address, or else one of this host's.
func (l *loader) defaultFrom(servers []string) string {
	if len(servers) > 0 && l.senders[servers[0]].address != "" {
		return l.senders[servers[0]].address
	}
	return "tocsin@" + cmp.Or(l.config.Pickup.Masquerade, l.config.Agent.Host)
}

func (s *scope) recipients(m *notify.Mail) {
	all := len(m.To) + len(m.Cc) + len(m.Bcc)
	attributes := s.body.Attributes
	if attributes["to"] == nil && attributes["cc"] == nil && attributes["bcc"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs somebody to send to, for instance: to = [\"you@example.com\"]", s.name)
	} else if all > maxRecipients {
		s.fail(s.header, "Too many recipients", "%s has %d recipients; it may have %d. Make a mailing list.", s.name, all, maxRecipients)
	}
}

// mailbox checks one address.
func (s *scope) mailbox(v setting) string {
	if !v.set || v.unknown {
		return ""
	}
	if _, _, err := templates.Address(v.text); err != nil {
		if v.sensitive {
			err = errors.New("its value is none")
		}
		s.fail(v.at, "Invalid address", "%s. A mailbox is \"you@example.com\" or \"Your Name <you@example.com>\".", upperFirst(err.Error()))
		return ""
	}
	return v.text
}

// mailboxes checks a list of addresses, in which none may be twice.
func (s *scope) mailboxes(name string) []string {
	var out []string
	seen := map[string]bool{}
	values := s.texts(name)
	if attr := s.body.Attributes[name]; attr != nil && isEmptyList(attr.Expr) {
		s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one address, such as [\"you@example.com\"].", name)
	}
	for _, v := range values {
		box := s.mailbox(v)
		if box == "" {
			continue
		}
		// The address has been checked just before.
		_, addr, _ := templates.Address(box)
		if seen[strings.ToLower(addr)] {
			s.fail(v.at, "Named twice", "This address is already in %q.", name)
			continue
		}
		seen[strings.ToLower(addr)] = true
		out = append(out, box)
	}
	return out
}

func isEmptyList(expr hclsyntax.Expression) bool {
	tuple, ok := expr.(*hclsyntax.TupleConsExpr)
	return ok && len(tuple.Exprs) == 0
}

// ownHeaders are those that Tocsin writes itself.
func ownHeaders() []string {
	return []string{
		"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
		"mime-version", "content-type", "content-transfer-encoding", "return-path", "received", "auto-submitted",
		"x-auto-response-suppress", "resent-from", "resent-to", "dkim-signature",
	}
}

// headers reads headers = { "X-Team" = "ops" }, in the order of the file.
func (s *scope) headers() []templates.Header {
	attr := s.attr("headers")
	if attr == nil {
		return nil
	}
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		s.fail(attr.Expr.Range(), "Wrong type", "\"headers\" takes names and texts: headers = { \"X-Team\" = \"ops\" }")
		return nil
	}
	var out []templates.Header
	seen := map[string]bool{}
	for _, item := range object.Items {
		key, _, okKey := s.value("headers", item.KeyExpr, cty.String)
		value, _, okValue := s.value("headers", item.ValueExpr, cty.String)
		if !okKey || !okValue || !key.IsKnown() || !value.IsKnown() {
			continue
		}
		h := templates.Header{Name: key.AsString(), Value: value.AsString()}
		if s.ownHeader(h, item.KeyExpr.Range(), seen) {
			out = append(out, h)
		}
	}
	if len(object.Items) > maxHeaders {
		s.fail(attr.Expr.Range(), "Too many headers", "A mail block may have %d headers of its own.", maxHeaders)
	}
	return out
}

func (s *scope) ownHeader(h templates.Header, at hcl.Range, seen map[string]bool) bool {
	name := strings.ToLower(h.Name)
	switch {
	case !isHeaderName(h.Name):
		s.fail(at, "Invalid header", "The name of a header consists of letters, digits and \"-\".")
	case slices.Contains(ownHeaders(), name):
		s.fail(at, "Header not yours", "Tocsin writes the header %s itself.", h.Name)
	case seen[name]:
		s.fail(at, "Named twice", "The header %s is already set.", h.Name)
	case len(h.Value) > 900 || h.Value != oneLine(h.Value):
		s.fail(at, "Invalid header", "The value of a header is one line of at most 900 bytes.")
	default:
		seen[name] = true
		return true
	}
	return false
}

func isHeaderName(name string) bool {
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
