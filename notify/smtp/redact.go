package smtp

import "strings"

const redacted = "[redacted]"

// Redact makes a text from the network printable, on one line, at most limit
// bytes long, and takes secrets and pieces of them out of it.
func Redact(text string, limit int, secrets ...Secret) string {
	var r redactor
	for _, s := range secrets {
		r.add(s.Reveal())
	}
	return safe(r.hide(text), limit)
}

// redactor takes secrets out of what a server says: some repeat the line that
// they did not like.
type redactor struct{ secrets []string }

func (r *redactor) add(secrets ...string) {
	for _, s := range secrets {
		if s != "" {
			r.secrets = append(r.secrets, s)
		}
	}
}

// shortestPiece is how long a word must be to be taken for a piece of a secret.
const shortestPiece = 8

// hide replaces secrets, and words that are a piece of one.
func (r *redactor) hide(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	words := strings.Split(text, " ")
	for i, w := range words {
		core := strings.Trim(w, `.,;:!?"'()<>[]`)
		if len(core) < shortestPiece {
			continue
		}
		for _, secret := range r.secrets {
			if strings.Contains(secret, core) {
				words[i] = redacted
				break
			}
		}
	}
	return strings.Join(words, " ")
}
