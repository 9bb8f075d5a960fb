package config

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"tocsin/notify"
)

// The bounds of a fallback block. A mail that is tried for five days is given
// up.
const (
	defaultFallback = 30 * time.Minute
	leastFallback   = time.Minute
	maxFallback     = 4 * day
)

// fallback reads the fallback block of a mail block.
func (s *scope) fallback(name string) notify.Fallback {
	var out notify.Fallback
	var first *hcl.Range
	for _, block := range items(s.body) {
		if block.Type != "fallback" {
			continue
		}
		inner := s.loader.scope(s.source, block)
		s.loader.labels(block)
		if first != nil {
			inner.fail(inner.header, "Second fallback block", "The fallback of this block is at %s. It may name several mail blocks.", place(*first))
			continue
		}
		first = inner.header.Ptr()
		if s.loader.fallbacks == nil {
			s.loader.fallbacks = map[string]hcl.Range{}
		}
		s.loader.fallbacks[name] = inner.header
		out = notify.Fallback{After: inner.after("fallback", defaultFallback, maxFallback), Notify: inner.refs("notify", "mail")}
		if at := inner.body.Attributes["after"]; at != nil && out.After < leastFallback {
			inner.fail(at.Expr.Range(), "Invalid duration", "\"after\" is at least %s here: a mail server that is busy for a moment is none that has failed.", durationText(leastFallback))
		}
		if inner.body.Attributes["notify"] == nil {
			inner.fail(inner.header, "Missing attribute", "A fallback block needs \"notify\", for instance: notify = [mail.sms]")
		}
		inner.done()
	}
	return out
}

// unreached finds fallbacks that lead back to where they began, and warns of
// those that fail with what they are for.
func (l *loader) unreached() {
	for _, m := range l.config.Mails {
		at, has := l.fallbacks[m.Name]
		if !has {
			continue
		}
		if way := l.circle(m.Name, m.Fallback.Notify, nil, map[string]bool{}); way != nil {
			l.problems.add(problem(at, "Fallback in a circle", "mail.%s falls back to itself: %s.", m.Name, list(way, "then")))
			continue
		}
		for _, name := range m.Fallback.Notify {
			other, ok := l.mailOf(name)
			if ok && len(other.Servers) > 0 && !slices.ContainsFunc(other.Servers, func(s string) bool { return !slices.Contains(m.Servers, s) }) {
				l.problems.add(warning(at, "Fallback by the same way", "mail.%s has no mail server that mail.%s does not have, so mostly both fail together. Give it one of its own: servers = [mailserver.NAME]", name, m.Name))
			}
		}
	}
}

// circle is the way of fallbacks that leads back to a block, nil when none does.
// seen are the blocks that were looked at.
func (l *loader) circle(to string, next, way []string, seen map[string]bool) []string {
	for _, name := range next {
		step := append(slices.Clip(way), "mail."+name)
		if name == to {
			return step
		}
		if m, ok := l.mailOf(name); ok && !seen[name] {
			seen[name] = true
			if found := l.circle(to, m.Fallback.Notify, step, seen); found != nil {
				return found
			}
		}
	}
	return nil
}

func (l *loader) mailOf(name string) (notify.Mail, bool) {
	i := slices.IndexFunc(l.config.Mails, func(m notify.Mail) bool { return m.Name == name })
	if i < 0 {
		return notify.Mail{}, false
	}
	return l.config.Mails[i], true
}
