package config

import (
	"path/filepath"
	"strings"

	"tocsin/notify/pickup"
	"tocsin/notify/provider"
	"tocsin/notify/transport"
	"tocsin/templates"
)

// The bounds of a pickup block.
const (
	defaultMessagesPerHour = 100
	maxMessagesPerHour     = 1_000_000
	leastMessage           = 1 << 10
)

// pickup decodes the pickup blocks; there is at most one. It comes after the
// mail blocks, whose author and recipients it uses.
func (l *loader) pickup(blocks, aliases []found) {
	c := pickup.Config{
		MaxSize: pickup.DefaultMaxSize, MessagesPerHour: defaultMessagesPerHour,
		Masquerade: l.config.Pickup.Masquerade, Host: l.config.Agent.Host, From: l.defaultFrom(l.config.Servers), Domains: l.config.Domains,
	}
	// Agents beside the installed one leave its directory alone.
	if l.config.Agent.StateDir == defaultStateDir {
		c.Dir = pickup.DefaultDir
	}
	for i, m := range l.config.Mails {
		_, address, err := templates.Address(m.From)
		if err != nil {
			continue // its problem is told
		}
		if i == 0 {
			c.From = m.From
			for _, list := range [][]string{m.To, m.Cc, m.Bcc} {
				for _, box := range list {
					_, to, _ := templates.Address(box) // it has been checked
					c.Fallback = append(c.Fallback, to)
				}
			}
		}
		c.Own = append(c.Own, address)
	}
	if len(blocks) > 0 {
		l.pickupBlocks(&c, blocks)
	}
	c.Aliases = l.aliases(aliases)
	l.config.Pickup = c
}

// masquerade reads the domain of authors. It comes before the mail blocks, whose
// default author is of that domain.
func (l *loader) masquerade(blocks []found) {
	if len(blocks) == 0 {
		return
	}
	s := l.scope(blocks[0].source, blocks[0].block)
	v := s.text("masquerade")
	if !v.set || v.unknown {
		return
	}
	domain := transport.Domain(v.text)
	if strings.Contains(v.text, "@") || !isHostName(domain) || !strings.Contains(domain, ".") {
		s.fail(v.at, "Invalid domain", "%s: \"masquerade\" is the domain that mail is from, such as \"example.com\".", v.shown())
		return
	}
	l.config.Pickup.Masquerade = domain
	for _, name := range l.config.Servers {
		if server := l.senders[name]; server.from == provider.FromAccount {
			s.warn(v.at, "Sender may be refused", "mailserver.%s (%s) takes mail only from the address that is its username; with \"masquerade\" that of other programs is from other ones.", name, server.provider)
		}
	}
}

// pickupBlocks decodes the first block; a second one is a problem.
func (l *loader) pickupBlocks(c *pickup.Config, blocks []found) {
	l.single(blocks, "pickup")
	s := l.scope(blocks[0].source, blocks[0].block)
	l.labels(blocks[0].block)
	if dir := s.text("dir"); dir.set && !dir.unknown && s.absolute("dir", dir) {
		c.Dir = filepath.Clean(dir.text)
	}
	if n, set, _ := s.integer("max_size", leastMessage, pickup.MostMaxSize); set {
		c.MaxSize = int64(n)
	}
	if n, set, _ := s.integer("messages_per_hour", 1, maxMessagesPerHour); set {
		c.MessagesPerHour = n
	}
	c.KeepFrom = s.flag("keep_from")
	if attr := s.attr("masquerade"); attr != nil && c.KeepFrom { // its value has been read
		s.fail(attr.NameRange, "Not used", "\"keep_from\" leaves the author as it is, and \"masquerade\" gives it another domain. Leave out one of them.")
	}
	s.done()
}

// single says of the blocks after the first that there is one too many.
func (l *loader) single(blocks []found, name string) {
	for _, f := range blocks[1:] {
		l.problems.add(problem(f.block.DefRange(), "Second "+name+" block", "There is one %s block; it is at %s.", name, place(blocks[0].block.DefRange())))
	}
}
