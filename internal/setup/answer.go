package setup

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/config"
	"tocsin/notify/provider"
	"tocsin/templates"
)

// The bounds of an answer, in bytes.
const (
	maxShown    = 64
	maxHost     = 253
	maxUsername = 254
	// MaxSecret is the longest secret: access keys have hundreds of bytes.
	MaxSecret = 4096
	// MaxTo is how many addresses a mail block may have.
	MaxTo = 100
)

func bad(format string, args ...any) error { return &Bad{fmt.Sprintf(format, args...)} }

// shown is an answer that is safe to be said again.
func shown(text string) string {
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return strconv.Quote(text)
}

// Provider finds the preset that a person names, or the one for a server of
// their own.
func Provider(text string) (provider.Preset, error) {
	if strings.EqualFold(text, Own) {
		return provider.Generic(), nil
	}
	if p, ok := provider.Find(text); ok {
		return p, nil
	}
	hint := ""
	if s := config.Suggest(text, append(slices.Concat(provider.Names(), provider.Aliases()), Own)); s != "" {
		hint = fmt.Sprintf(" Did you mean %q?", s)
	}
	return provider.Preset{}, bad("%s is no mail provider that is known here.%s \"tocsin providers\" lists them; %q is any other server", shown(text), hint, Own)
}

// Host checks the name or the IP address of a mail server.
func Host(text string) error {
	if _, err := netip.ParseAddr(text); err == nil && len(text) <= maxHost && printableLine(text) { // a zone may be anything
		return nil
	}
	if name, port, ok := strings.Cut(text, ":"); ok && isHost(name) && isNumber(port) {
		return bad("%s is a host and a port: say the host alone, the port has a question (and a flag, --port) of its own", shown(text))
	}
	if !isHost(text) {
		return bad("%s is no host: a name such as smtp.example.com, or an IP address", shown(text))
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func isHost(text string) bool {
	if text == "" || len(text) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		odd := strings.IndexFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) >= 0
		if label == "" || len(label) > 63 || odd || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// ReadPort reads a port. One of a provider's own host is among those it has.
func (a Answers) ReadPort(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, bad("%s is no port: a number from 1 to 65535, mostly 465 (TLS from the start) or 587 (STARTTLS)", shown(text))
	}
	if _, known := a.Preset.At(port); !known && !a.own() && (a.Host == "" || a.Host == a.Preset.Host) {
		return 0, bad("%s has no port %d: it has %s", a.Preset.Title, port, ports(a.Preset))
	}
	return port, nil
}

// ports lists those of a preset.
func ports(p provider.Preset) string {
	var all []string
	for _, e := range p.Endpoints {
		all = append(all, strconv.Itoa(e.Port))
	}
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// The words for TLS, as in the rule file.
const (
	implicit = "implicit"
	startTLS = "starttls"
	noTLS    = "none"
)

// CheckTLS checks how the connection is secured.
func (a Answers) CheckTLS(text string) error {
	switch text {
	case noTLS:
		if a.own() {
			return nil
		}
		return bad("%s takes no mail without TLS", a.Preset.Title)
	case implicit, startTLS:
	default:
		return bad("%s is no kind of TLS: implicit (from the start, mostly port 465), starttls (mostly port 587) or none (a server on this machine)", shown(text))
	}
	if a.own() || a.Host != "" && a.Host != a.Preset.Host {
		return nil
	}
	if a.Port == 0 {
		if _, ok := a.Preset.Endpoint(text == implicit); !ok {
			return bad("%s has no port for %s: leave TLS out, it is known", a.Preset.Title, text)
		}
		return nil
	}
	if e, ok := a.Preset.At(a.Port); ok && e.Implicit != (text == implicit) {
		return bad("port %d of %s is not %s: leave TLS out, it is known", a.Port, a.Preset.Title, text)
	}
	return nil
}

// CheckUsername checks a login. That of a mailbox is its address.
func (a Answers) CheckUsername(text string) error {
	switch {
	case text == "":
		return bad("the username is missing: mostly it is the address of the account")
	case len(text) > maxUsername || !printableLine(text) || strings.TrimSpace(text) != text:
		return bad("%s is no username: one line of at most %d bytes, without blanks around it", shown(text), maxUsername)
	}
	switch a.Preset.Login {
	case provider.AppPassword, provider.AuthCode, provider.Password:
		if _, address, err := templates.Address(text); err != nil || address != text {
			return bad("%s is no username of %s: it is the whole address of the mailbox, such as you@example.com", shown(text), a.Preset.Title)
		}
	case provider.NoLogin, provider.SMTPPassword, provider.APIKey, provider.Token:
	}
	return nil
}

// Address checks one address of a sender or a recipient.
func Address(text string) error {
	if _, _, err := templates.Address(text); err == nil {
		return nil
	}
	return bad("%s is no address: it looks like you@example.com or Your Name <you@example.com>", shown(text))
}

// Recipients are the addresses of texts, each one address or several with commas
// between; who is named twice gets mail once.
func Recipients(texts ...string) ([]string, error) {
	var to []string
	seen := make(map[string]bool)
	for _, text := range texts {
		parts := []string{text} // a name in quotes may have a comma
		if Address(text) != nil {
			parts = strings.Split(text, ",")
		}
		for _, part := range parts {
			part = strings.TrimSpace(part)
			_, address, err := templates.Address(part)
			if err != nil {
				return nil, Address(part)
			}
			if address = strings.ToLower(address); !seen[address] {
				seen[address] = true
				to = append(to, part)
			}
		}
	}
	if len(to) > MaxTo {
		return nil, bad("%d addresses are too many: at most %d; make a mailing list", len(to), MaxTo)
	}
	return to, nil
}

// Secret checks a password, authorization code or key. What is wrong is said
// without it.
func Secret(text string) error {
	switch {
	case text == "":
		return bad("the secret is empty")
	case len(text) > MaxSecret:
		return bad("the secret is longer than %d bytes: is this the right file?", MaxSecret)
	case strings.ContainsAny(text, "\r\n"):
		return bad("the secret has more than one line: is this the right file?")
	case !utf8.ValidString(text) || !printableLine(text):
		return bad("the secret holds a control character, or is no UTF-8: type or paste it again")
	case strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }) != text:
		return bad("the secret begins or ends with a blank, or a sign that cannot be seen: paste it again without")
	}
	return nil
}

func printableLine(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) < 0
}
