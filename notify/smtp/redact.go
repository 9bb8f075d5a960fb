package smtp

import (
	"encoding/base64"
	"slices"
	"strings"
)

const redacted = "[redacted]"

// Redact makes a text from the network printable, on one line, at most limit
// bytes long, and takes secrets and pieces of them out of it. What is behind its
// first 64 KiB is not looked at, nor shown.
func Redact(text string, limit int, secrets ...Secret) string {
	var r redactor
	for _, s := range secrets {
		r.add(s.Reveal())
	}
	return safe(r.hide(text[:min(len(text), maxReply)]), limit)
}

// redactor takes secrets out of what a server says: some repeat the line that
// they did not like, as it was, percent-encoded or in base64.
type redactor struct {
	secrets []string
	// encoded is the base64 of secrets and of what holds them, without padding.
	encoded []string
	// inner is what the base64 of any text has that a secret is in: once for each
	// of the three places in a group at which the secret may begin.
	inner []string
}

// shortestPiece is how long a word must be to be taken for a piece of a secret.
const shortestPiece = 8

func (r *redactor) add(secrets ...string) {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		r.secrets = append(r.secrets, s)
		r.encoded = append(r.encoded, base64.RawStdEncoding.EncodeToString([]byte(s)))
		for before := range 3 {
			whole := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:before] + s))
			// 6 bits a character; those that share bits with neighbors may be others.
			inner := whole[(8*before+5)/6 : 8*(before+len(s))/6]
			if len(inner) >= shortestPiece {
				r.inner = append(r.inner, inner)
			}
		}
	}
}

// addLogin adds a password, and what the mechanism PLAIN makes of it (RFC 4616).
// The name alone is no secret.
func (r *redactor) addLogin(user, password string) {
	if password == "" {
		return
	}
	r.add(password)
	r.encoded = append(r.encoded, base64.RawStdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password)))
}

// hide replaces secrets, and words that are a piece of one.
func (r *redactor) hide(text string) string {
	if len(r.secrets) == 0 {
		return text
	}
	plain, hidden := view{text: text}, make(mask, len(text))
	r.findSecrets(plain, hidden)
	r.findEncoded(plain, hidden)
	if strings.Contains(text, "%") {
		v := unescape(text, false)
		r.findSecrets(v, hidden)
		r.findEncoded(v, hidden)
	}
	if strings.Contains(text, "+") {
		r.findSecrets(unescape(text, true), hidden)
	}
	r.findPieces(text, hidden)
	return hidden.apply(text)
}

func (r *redactor) findSecrets(v view, hidden mask) {
	for _, secret := range r.secrets {
		for at := 0; ; at += len(secret) {
			next := strings.Index(v.text[at:], secret)
			if next < 0 {
				break
			}
			at += next
			hidden.add(v.source(at, at+len(secret)))
		}
	}
}

// findEncoded hides base64 that a secret is in as a whole: what stands around the
// secret shares characters with it.
func (r *redactor) findEncoded(v view, hidden mask) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(v.text) // base64url (RFC 4648 5)
	for from := 0; from < len(text); from++ {
		to := from
		for to < len(text) && isBase64(text[to]) {
			to++
		}
		if to == from || !r.knows(text[from:to]) {
			from = to
			continue
		}
		for to < len(text) && text[to] == '=' {
			to++
		}
		hidden.add(v.source(from, to))
		from = to
	}
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// knows says whether base64 has a secret, or is a piece of one.
func (r *redactor) knows(run string) bool {
	for _, encoded := range r.encoded {
		if run == encoded || len(run) >= shortestPiece && strings.Contains(encoded, run) {
			return true
		}
	}
	if len(run) < shortestPiece {
		return false
	}
	for _, inner := range r.inner {
		if strings.Contains(run, inner) || strings.Contains(inner, run) {
			return true
		}
	}
	return false
}

// findPieces hides words that are a piece of a secret and hold no whole one.
func (r *redactor) findPieces(text string, hidden mask) {
	at := 0
	for word := range strings.SplitSeq(text, " ") {
		end := at + len(word)
		if len(word) >= shortestPiece && !slices.Contains(hidden[at:end], true) {
			core := strings.Trim(word, `.,;:!?"'()<>[]`)
			if r.isPiece(core) || strings.ContainsAny(core, "%+") && (r.isPiece(unescape(core, false).text) || r.isPiece(unescape(core, true).text)) {
				hidden.add(at, end)
			}
		}
		at = end + 1
	}
}

func (r *redactor) isPiece(core string) bool {
	if len(core) < shortestPiece {
		return false
	}
	for _, secret := range r.secrets {
		if strings.Contains(secret, core) {
			return true
		}
	}
	return false
}

// mask says of each byte of a text whether it is hidden.
type mask []bool

func (m mask) add(from, to int) {
	for i := from; i < to; i++ {
		m[i] = true
	}
}

// apply replaces what is hidden.
func (m mask) apply(text string) string {
	var b strings.Builder
	for i := range m {
		switch {
		case !m[i]:
			b.WriteByte(text[i])
		case i == 0 || !m[i-1]:
			b.WriteString(redacted)
		}
	}
	return b.String()
}
