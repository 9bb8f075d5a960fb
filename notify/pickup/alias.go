package pickup

import (
	"slices"
	"strings"
)

// Default is the alias of every local name that has none of its own.
const Default = "default"

// Aliases says where the mail of local names goes: to addresses and other
// local names. The names are in lower case.
type Aliases map[string][]string

// Loop returns a local name whose alias leads back to itself and to no
// address, as the names on the way; nil when there is none.
func (a Aliases) Loop() []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if way := a.way(name, nil); way != nil {
			return way
		}
	}
	return nil
}

func (a Aliases) way(name string, been []string) []string {
	if i := slices.Index(been, name); i >= 0 {
		return append(slices.Clone(been[i:]), name)
	}
	for _, target := range a[name] {
		if local := strings.ToLower(target); isLocalName(target) && len(a[local]) > 0 {
			if way := a.way(local, append(slices.Clone(been), name)); way != nil {
				return way
			}
		}
	}
	return nil
}

// resolver finds the addresses behind recipients.
type resolver struct {
	aliases  Aliases
	host     string
	fallback []string
	seen     map[string]bool
	out      []string
}

// resolve lists the addresses of recipients, each once, in order. A local name
// without an alias, and a text that is no address at all, goes where nobody's
// mail goes: to the default alias, else to that of postmaster, else to root's,
// else to the fallback. So nothing is dropped.
func (c Config) resolve(recipients []string) []string {
	r := resolver{aliases: c.Aliases, host: strings.ToLower(c.Host), fallback: c.Fallback, seen: map[string]bool{}}
	for _, recipient := range recipients {
		r.add(recipient, nil)
	}
	return r.out
}

func (r *resolver) add(recipient string, been []string) {
	name, local := r.localName(recipient)
	if !local {
		if key := strings.ToLower(recipient); !r.seen[key] {
			r.seen[key] = true
			r.out = append(r.out, recipient)
		}
		return
	}
	if slices.Contains(been, name) {
		return
	}
	been = append(slices.Clone(been), name)
	if targets := r.find(name); len(targets) > 0 {
		for _, target := range targets {
			r.add(target, been)
		}
		return
	}
	r.orphan(been)
}

// orphan is for a name without an alias.
func (r *resolver) orphan(been []string) {
	for _, name := range []string{Default, "postmaster", "root"} {
		if len(r.aliases[name]) > 0 && !slices.Contains(been, name) {
			r.add(name, been)
			return
		}
	}
	for _, address := range r.fallback {
		if _, local := r.localName(address); !local {
			r.add(address, been)
		}
	}
}

// find is the alias of a name, also of one with an extension: root+backup.
func (r *resolver) find(name string) []string {
	if targets := r.aliases[name]; len(targets) > 0 {
		return targets
	}
	base, _, extended := strings.Cut(name, "+")
	if !extended {
		return nil
	}
	return r.aliases[base]
}

// localName says whether a recipient is a local name, with or without this
// host's domain. What is no address at all is one that nobody has.
func (r *resolver) localName(recipient string) (name string, local bool) {
	if CheckAddress(recipient) != nil {
		return "", true
	}
	name, domain, qualified := strings.Cut(strings.ToLower(recipient), "@")
	if !qualified || isOwn(domain, r.host) {
		return name, true
	}
	return "", false
}

// isOwn says whether a domain is this machine.
func isOwn(domain, host string) bool {
	domain, host = strings.TrimSuffix(strings.ToLower(domain), "."), strings.ToLower(host)
	short, _, _ := strings.Cut(host, ".")
	return domain == "localhost" || domain == "localhost.localdomain" || domain == host || domain == short
}
