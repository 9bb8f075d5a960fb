// Package provider knows the mail providers: where their servers are, what a
// login is there, how much an account may send and what their replies mean. It
// is data; package smtp and the configuration act on it.
package provider

import (
	"slices"
	"strings"

	"tocsin/notify/quota"
)

// Preset is what is known of one provider. It is shared and must not be
// changed.
type Preset struct {
	// Name is what the rule file says; Aliases mean the same.
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Title   string   `json:"title"`
	// Host is empty when the rule file must say it; Example is one then.
	Host    string `json:"host,omitempty"`
	Example string `json:"example,omitempty"`
	// Endpoints are the ports, the best one first.
	Endpoints []Endpoint `json:"endpoints"`
	// Login says what the password is. The zero value asks for none.
	Login Login `json:"login,omitzero"`
	// Username is the one that everybody has, empty where each has their own.
	Username string `json:"username,omitempty"`
	// Mechanisms are those of the server's EHLO, empty when not known.
	Mechanisms []string `json:"mechanisms,omitempty"`
	// OAuth is what of a login with access tokens is the same for everybody.
	OAuth OAuth `json:"oauth,omitzero"`
	// From says which senders are taken.
	From From `json:"from"`
	// FullName says that the name in EHLO must have a domain.
	FullName bool `json:"full_name,omitempty"`
	// MaxSize is that of a message in bytes; 0 is not known.
	MaxSize int64 `json:"max_size,omitempty"`
	// Limit is what Tocsin keeps to. Fixed says that a rule file may only
	// tighten it; otherwise it is a cautious default that depends on the plan
	// or on a guess, and the rule file may replace it.
	Limit quota.Limit `json:"limit"`
	Fixed bool        `json:"fixed"`
	// Published is what the provider says of its limits.
	Published string `json:"published,omitempty"`
	// Replies says what its replies mean: the first match wins, and what none
	// matches is for the general rules.
	Replies []Reply `json:"replies,omitempty"`
	// Full is how long a reached limit pauses the account when no row of
	// Replies says it. The zero value is the general schedule.
	Full Pause `json:"full,omitzero"`
	// Hint is what a person does about a refused login.
	Hint string `json:"hint,omitempty"`
	// Note is what else one should know.
	Note string `json:"note,omitempty"`
	// Sources say where the figures are from: pages without their scheme, or
	// public threads.
	Sources []string `json:"sources"`
}

// Endpoint is a port and how it is secured.
type Endpoint struct {
	Port int `json:"port"`
	// Implicit is TLS from the first byte; otherwise STARTTLS.
	Implicit bool `json:"implicit"`
}

// Login says what an account's password is, in words; the zero value is none.
type Login string

// The kinds of login.
const (
	NoLogin      Login = ""
	AppPassword  Login = "app password"
	AuthCode     Login = "auth code"
	Password     Login = "password"
	SMTPPassword Login = "SMTP password"
	APIKey       Login = "API key"
	Token        Login = "token"
)

// OAuth is where a provider's access tokens come from (RFC 6749). The zero value
// is not known.
type OAuth struct {
	// TokenURL is the endpoint; Tenant stands in it for what differs.
	TokenURL string `json:"token_url"`
	// Tenant is the one for a refresh token when none is set.
	Tenant string `json:"tenant,omitempty"`
	// Scope is that of sending mail as a user.
	Scope string `json:"scope,omitempty"`
	// AppScope is that of the application's own login, empty where there is
	// none.
	AppScope string `json:"app_scope,omitempty"`
}

// Tenant stands in a TokenURL for the directory of an organization.
const Tenant = "TENANT"

// From says which senders a provider takes.
type From string

// The kinds of senders. FromOwn is the general case: the account's address or
// one that the account owns.
const (
	FromAny      From = "any"
	FromOwn      From = "own addresses"
	FromAccount  From = "the account's address only" // must equal the login
	FromVerified From = "verified addresses"
)

// All lists the presets in the order of the table, "generic" last.
func All() []Preset { return slices.Clone(table[:]) }

// Find returns a preset by its name or an alias, in whatever case.
func Find(name string) (p Preset, ok bool) {
	for i := range table {
		if strings.EqualFold(table[i].Name, name) || slices.ContainsFunc(table[i].Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return table[i], true
		}
	}
	return Preset{}, false
}

// Generic is the preset of a server that no other one is for.
func Generic() Preset { return table[len(table)-1] }

// Names lists the names of the presets, without their aliases.
func Names() []string {
	names := make([]string, 0, len(table))
	for i := range table {
		names = append(names, table[i].Name)
	}
	return names
}

// Aliases lists the other names.
func Aliases() []string {
	var names []string
	for i := range table {
		names = append(names, table[i].Aliases...)
	}
	return names
}

// Endpoint returns the preferred port with that security, if there is one.
func (p Preset) Endpoint(implicit bool) (Endpoint, bool) {
	for _, e := range p.Endpoints {
		if e.Implicit == implicit {
			return e, true
		}
	}
	return Endpoint{}, false
}

// At returns what is known of a port.
func (p Preset) At(port int) (Endpoint, bool) {
	for _, e := range p.Endpoints {
		if e.Port == port {
			return e, true
		}
	}
	return Endpoint{}, false
}
