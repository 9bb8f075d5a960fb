package pickup

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// foldAt is where a line that must be folded is folded (RFC 5322 2.1.1).
const foldAt = 76

// clean makes a field fit for the wire. One that is already stays byte for
// byte. In others control characters become blanks, bytes that are not ASCII
// are encoded where the field has an encoding for them (RFC 2047, RFC 2231)
// and are a question mark where it has none, and lines over 998 octets are
// folded. The error wraps errBroken.
func (f field) clean() (field, error) {
	if f.fit() {
		return f, nil
	}
	text := printable(utf8Text(unfold(strings.ReplaceAll(f.value, "\t", " "))))
	text = strings.Trim(text, " ")
	switch class(f.name) {
	case addresses:
		text = cleanAddresses(text)
	case parameters:
		text = cleanParameters(text)
	case structured:
		text = ascii(text)
	default:
		text = encodeWords(text, len(f.name))
	}
	folded, ok := fold(len(f.name)+1, text)
	if !ok {
		return field{}, fmt.Errorf("%w: the field %s has a word of more than %d octets", errBroken, f.name, maxLine)
	}
	return field{f.name, folded}, nil
}

// fit says whether the field can be sent byte for byte.
func (f field) fit() bool {
	at := len(f.name) + 1
	for i, line := range strings.Split(f.value, "\r\n") {
		if at+len(line) > maxLine || i > 0 && strings.Trim(line, " \t") == "" {
			return false // a line of blanks alone is obsolete, and the end of the header for some
		}
		at = 0
		for j := range len(line) {
			if c := line[j]; c != '\t' && (c < ' ' || c >= 0x7f) {
				return false
			}
		}
	}
	return true
}

// The classes of fields. What is not known is text for people.
const (
	unstructured = iota
	addresses
	parameters
	structured
)

func class(name string) int {
	switch name := strings.ToLower(name); name {
	case "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-reply-to",
		"errors-to", "disposition-notification-to", "mail-followup-to":
		return addresses
	case "content-type", "content-disposition":
		return parameters
	case "received", "date", "message-id", "in-reply-to", "references", "mime-version", "content-transfer-encoding", "content-id",
		"resent-date", "resent-message-id", "dkim-signature", "authentication-results", "auto-submitted":
		return structured
	default:
		if strings.HasPrefix(name, "arc-") || strings.HasPrefix(name, "list-") {
			return structured
		}
		return unstructured
	}
}

// ascii has a question mark for each character that is none.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, text)
}

func cleanAddresses(text string) string {
	list, err := ParseList(text)
	if err != nil || len(list) == 0 {
		return ascii(text)
	}
	return formatList(list)
}

// formatList is the text of an address field. A local name stays one.
func formatList(list []Mailbox) string {
	texts := make([]string, 0, len(list))
	for _, m := range list {
		switch {
		case m.Name == "":
			texts = append(texts, m.Address)
		case !strings.Contains(m.Address, "@"):
			// net/mail would write an empty domain.
			named := (&mail.Address{Name: m.Name, Address: "a@b"}).String()
			texts = append(texts, strings.TrimSuffix(named, "<a@b>")+"<"+m.Address+">")
		default:
			texts = append(texts, (&mail.Address{Name: m.Name, Address: m.Address}).String())
		}
	}
	return strings.Join(texts, ", ")
}

func cleanParameters(text string) string {
	kind, params, err := mime.ParseMediaType(text)
	if err == nil {
		if formatted := mime.FormatMediaType(kind, params); formatted != "" {
			return formatted
		}
	}
	return ascii(text)
}

// encodeWords is text for people in ASCII. What is encoded in it already is
// decoded first, so that all of it is encoded once.
func encodeWords(text string, nameLength int) string {
	short := nameLength < maxLine/2
	for word := range strings.SplitSeq(text, " ") {
		short = short && len(word) < maxLine/2
	}
	if short && ascii(text) == text {
		return text
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(text); err == nil {
		text = printable(decoded)
	}
	if ascii(text) != text {
		return mime.BEncoding.Encode("utf-8", text)
	}
	// A word too long for a line: in pieces, each an encoded word.
	var words []string
	for len(text) > 0 {
		n := min(len(text), 45)
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, " ")
}

// fold breaks text at its blanks so that lines are short where they can be, and
// says whether all of them fit. used is what stands before it in the line.
func fold(used int, text string) (string, bool) {
	var b strings.Builder
	for word := range strings.SplitSeq(text, " ") {
		if word == "" {
			continue
		}
		if used > 1 && used+1+len(word) > foldAt && b.Len() > 0 {
			b.WriteString("\r\n")
			used = 0
		}
		b.WriteByte(' ')
		b.WriteString(word)
		used += 1 + len(word)
		if used > maxLine {
			return "", false
		}
	}
	return b.String(), true
}
