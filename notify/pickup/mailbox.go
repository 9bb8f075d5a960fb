package pickup

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode"

	"tocsin/templates"
)

// ErrAddress is for a text that is neither an address nor a local name.
var ErrAddress = errors.New("not an address")

// Mailbox is one entry of a list of addresses (RFC 5322 3.4).
type Mailbox struct {
	// Name is the display name or, as in "root (Cron Daemon)", the comment,
	// decoded; may be empty.
	Name string
	// Address is bare: "alice@example.com", or a local name as "root".
	Address string
}

// ParseList takes a list of addresses apart, as a header field or an argument
// holds it. It is for what old programs write, so it takes what RFC 5322 calls
// obsolete: comments, groups, local names without a domain. A mailbox that is
// more than one, or none that can be mailed to, is an error that names it and
// wraps ErrAddress; the others are returned all the same.
func ParseList(text string) ([]Mailbox, error) {
	items, err := splitList(text)
	if err != nil {
		return nil, err
	}
	var list []Mailbox
	var failed error
	for _, item := range items {
		m, err := parseMailbox(item)
		if err == nil {
			err = CheckAddress(m.Address)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		list = append(list, m)
	}
	return list, failed
}

// CheckAddress says why text is neither an address that can be mailed to nor
// a local name. The error wraps ErrAddress and shows the text.
func CheckAddress(text string) error {
	if isLocalName(text) {
		return nil
	}
	if _, address, err := templates.Address(text); err != nil || address != text {
		return fmt.Errorf("%w: %s is neither an address such as ops@example.com nor a local name such as root", ErrAddress, shown(text))
	}
	return nil
}

// shown quotes a text of anybody's, cut, for an error.
func shown(text string) string {
	const longest = 120
	if len(text) > longest {
		return fmt.Sprintf("%q…", text[:longest])
	}
	return fmt.Sprintf("%q", text)
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"

// isLocalName says whether text can be the name of a user or an alias.
func isLocalName(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, nameChars) == "" && !strings.ContainsAny(text[:1], ".+-")
}

// scanner walks over a text and knows what is quoted.
type scanner struct {
	quoted, escaped, angle bool
	comment                int
}

// step says whether c has a meaning of its own: it is in no quotes, comment or
// angle brackets, and is none of those marks itself.
func (s *scanner) step(c byte) bool {
	switch {
	case s.escaped:
		s.escaped = false
	case c == '\\' && (s.quoted || s.comment > 0):
		s.escaped = true
	case s.quoted:
		s.quoted = c != '"'
	case c == '(':
		s.comment++
	case s.comment > 0 && c == ')':
		s.comment--
	case s.comment > 0:
	case c == '"':
		s.quoted = true
	case c == '<':
		s.angle = true
	case c == '>':
		s.angle = false
	default:
		return !s.angle
	}
	return false
}

func (s *scanner) open() bool { return s.quoted || s.escaped || s.angle || s.comment > 0 }

// splitList cuts a list at its commas and takes groups apart.
func splitList(text string) ([]string, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && r < ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("%w: %s holds a line end or another control character", ErrAddress, shown(text))
	}
	var items []string
	var s scanner
	start := 0
	cut := func(i int) {
		if item := strings.Trim(text[start:i], " \t"); item != "" {
			items = append(items, item)
		}
		start = i + 1
	}
	for i := range len(text) {
		if !s.step(text[i]) {
			continue
		}
		switch text[i] {
		case ',', ';':
			cut(i)
		case ':': // what was before it is the name of a group, unless it hides something
			if !strings.ContainsAny(text[start:i], "@<>") {
				start = i + 1
			}
		}
	}
	if s.open() {
		return nil, fmt.Errorf("%w: a quote, bracket or parenthesis in %s has no end", ErrAddress, shown(text))
	}
	cut(len(text))
	return items, nil
}

// parseMailbox takes "Name <a@b>", "a@b (Name)" or "a@b" apart.
func parseMailbox(item string) (Mailbox, error) {
	var s scanner
	var bare, comment, angle strings.Builder
	angles := 0
	for i := range len(item) {
		c := item[i]
		before := s
		s.step(c)
		switch {
		case before.comment > 0: // the marks themselves are no part of it
			if s.comment > 0 && !s.escaped {
				comment.WriteByte(c)
			}
		case s.comment > 0:
		case s.angle && !before.angle:
			angles++
		case before.angle && !s.angle:
		case s.angle:
			angle.WriteByte(c)
		case angles == 0:
			bare.WriteByte(c)
		case c != ' ' && c != '\t':
			angles = 2 // something comes after the address
		}
	}
	phrase := strings.Trim(bare.String(), " \t")
	switch {
	case angles > 1:
		return Mailbox{}, fmt.Errorf("%w: %s holds more than one", ErrAddress, shown(item))
	case angles == 1:
		name := unquote(phrase)
		if name == "" {
			name = comment.String()
		}
		return Mailbox{displayed(name), angle.String()}, nil
	default:
		return Mailbox{displayed(comment.String()), phrase}, nil
	}
}

// unquote takes the quotes of a phrase away.
func unquote(phrase string) string {
	var b strings.Builder
	escaped := false
	for i := range len(phrase) {
		switch c := phrase[i]; {
		case escaped:
			escaped = false
			b.WriteByte(c)
		case c == '\\':
			escaped = true
		case c != '"':
			b.WriteByte(c)
		}
	}
	return b.String()
}

// invisible says of a character that it shows nothing, or turns what is around
// it: a name can hide the rest of itself with it.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || strings.ContainsRune("\u115f\u1160\u2800\u3164\uffa0", r)
}

// displayed is a name as people read it: decoded, in UTF-8, one line, short, and
// all of it to be seen.
func displayed(name string) string {
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	name = strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, printable(utf8Text(name)))
	name = strings.Join(strings.Fields(name), " ")
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	return name
}
