// Package setup decides what "tocsin init" writes: answers of a person become
// files, with their text, mode and owner. It is pure; the command asks, shows
// and writes.
package setup

import (
	"strings"

	"tocsin/notify/provider"
	"tocsin/templates"
)

// Own is what a person says for a server that no preset is for.
const Own = "own"

// Answers is what a person says. The zero value of a field is not said.
type Answers struct {
	// Preset is the provider; Generic of package provider for a server of one's own.
	Preset provider.Preset
	// Host is asked for where the preset has none, and else wins over it.
	Host string
	// Port and TLS are those of the preset where they are not said.
	Port int
	TLS  string
	// Username is the login, empty for a server without one.
	Username string
	// From is who the mails are from, empty for the address of the login.
	From string
	To   []string
	// CAFile is a certificate authority of one's own, as an absolute path.
	CAFile string
	Secret string
}

// Bad is an answer that cannot be used, in words for whoever gave it.
type Bad struct{ Text string }

// Error says what is wrong and what is allowed.
func (b *Bad) Error() string { return b.Text }

// own says whether the server is one of the person's own.
func (a Answers) own() bool { return a.Preset.Name == provider.Generic().Name }

// NeedsHost says whether the host must be said.
func (a Answers) NeedsHost() bool { return a.Preset.Host == "" }

// NeedsLogin says whether there must be a username; where the preset has one for
// everybody it is not asked for.
func (a Answers) NeedsLogin() bool {
	return a.Preset.Login != provider.NoLogin && a.Preset.Username == ""
}

// LogsIn says whether there is a secret.
func (a Answers) LogsIn() bool { return a.Username != "" || a.Preset.Username != "" }

// NeedsFrom says whether the sender must be said: a login that is no address does
// not say it.
func (a Answers) NeedsFrom() bool {
	if a.own() && a.Username == "" {
		return false
	}
	_, _, err := templates.Address(a.Username)
	return err != nil
}

// Label is the name of the mailserver block.
func (a Answers) Label() string {
	if a.own() {
		return "relay"
	}
	label := strings.Map(func(r rune) rune {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return '-'
		}
		return r
	}, a.Preset.Name)
	if label[0] <= '9' { // a reference begins with a letter
		label = "mail-" + label
	}
	return label
}
