package pickup

import (
	"fmt"
	"net/mail"
	"strings"

	"tocsin/templates"
)

// author finds the address that the mail is from, in its header and on the
// envelope.
func (r *rewriter) author(h header) error {
	_, address, err := templates.Address(r.From)
	if err != nil {
		return fmt.Errorf("%w: there is no address to send from: %w", ErrNobody, err)
	}
	r.from = address
	given := r.original()
	if h.has("From") {
		list, err := ParseList(h.get("From"))
		if err != nil || len(list) != 1 || r.own(list[0].Address) {
			return nil
		}
		given = list[0].Address
	}
	if masked, ok := r.masquerade(given); ok {
		r.from, r.masked = masked, true
	}
	return nil
}

// masquerade gives an author of this machine, or of one below the domain of
// Masquerade, that domain: root@web-1.lan is root@example.com. Anybody else is
// none of ours.
func (r *rewriter) masquerade(address string) (masked string, ok bool) {
	if r.Masquerade == "" {
		return "", false
	}
	local, domain := address, ""
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local, domain = address[:at], strings.TrimSuffix(strings.ToLower(address[at+1:]), ".")
		if ours := domain == r.Masquerade || strings.HasSuffix(domain, "."+r.Masquerade); !ours && !isOwn(domain, r.Host) {
			return "", false
		}
	}
	masked = local + "@" + r.Masquerade
	return masked, CheckAddress(masked) == nil
}

// original is the author of a message that names none: who -f says it is, or
// whose file it was.
func (r *rewriter) original() string {
	if r.drop.From != "" && CheckAddress(r.drop.From) == nil {
		return r.drop.From
	}
	return r.who.user() + "@" + r.Host
}

// authorFields are the From field as it goes out, and the one that came.
func (r *rewriter) authorFields(f field) header {
	list, err := ParseList(f.text())
	own := err == nil && len(list) == 1 && r.own(list[0].Address)
	if r.KeepFrom || own && r.who.Trusted {
		return header{f}
	}
	name := r.drop.Name
	if len(list) > 0 && list[0].Name != "" {
		name = list[0].Name
	}
	original := f
	original.name = "X-Original-From"
	address := r.from
	if own {
		address = list[0].Address
	}
	return header{r.newFrom(name, address), original}
}

func (r *rewriter) own(address string) bool {
	for _, own := range r.Own {
		if strings.EqualFold(own, address) {
			return true
		}
	}
	return false
}

// newFrom is an address of the account with a name that says whose mail it is:
// "root on web-1", or "Cron Daemon (root on web-1)".
func (r *rewriter) newFrom(name, address string) field {
	short, _, _ := strings.Cut(r.Host, ".")
	whose := printable(utf8Text(r.who.user())) + " on " + short
	if name = displayed(name); name != "" {
		whose = name + " (" + whose + ")"
	}
	text, _ := fold(len("From:"), (&mail.Address{Name: whose, Address: address}).String())
	return field{"From", text}
}

// answerable is the author's own address, if mail to it can arrive.
func (r *rewriter) answerable(author string) string {
	list, err := ParseList(author)
	if r.KeepFrom || r.masked || err != nil || len(list) != 1 || r.own(list[0].Address) {
		return ""
	}
	_, domain, _ := strings.Cut(list[0].Address, "@")
	if !strings.Contains(domain, ".") || isOwn(domain, r.Host) {
		return ""
	}
	return list[0].Address
}
