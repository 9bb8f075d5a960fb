package smtp

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/notify/provider"
)

// Explanation is what a reply means and what comes of it.
type Explanation struct {
	Reply Reply `json:"reply"`
	// Phase is where it is taken to have come.
	Phase Phase `json:"phase"`
	// Provider is that of the preset, empty for the general rules.
	Provider string `json:"provider,omitempty"`
	Scope    string `json:"scope"`
	Class    string `json:"class"`
	// Pause is how long the provider is known to want the account left alone.
	Pause string `json:"pause,omitempty"`
	// Meaning is what the standards say of it.
	Meaning string `json:"meaning"`
	// Then is what Tocsin does.
	Then string `json:"then"`
	// Advice is what a person does; may be empty.
	Advice string `json:"advice,omitempty"`
}

// Explain says what a reply means at a phase, to a provider's preset or, with
// an empty name, by the general rules. It is pure.
func Explain(phase Phase, r Reply, name string) Explanation {
	scope, class, pause := Classify(phase, r, name)
	e := Explanation{
		Reply: r, Phase: phase, Provider: name, Scope: scope.String(), Class: class.String(),
		Meaning: meaningOf(r), Pause: pause.String(),
	}
	if r.Code < 400 {
		e.Scope, e.Class = "", "none"
		e.Then = "Nothing: it is no refusal. At the wrong moment it ends the conversation, and the mail is tried again."
		return e
	}
	e.Then = consequence(scope, class, pause)
	e.Advice = Hint(&Failure{Scope: scope, Class: class, Phase: phase, Reply: r, Pause: pause}, name)
	return e
}

// Differences explains a reply for each provider to which it means something
// else than in general, or where a person does something else about it.
func Differences(phase Phase, r Reply) []Explanation {
	var all []Explanation
	general := Explain(phase, r, "")
	for _, p := range provider.All() {
		e := Explain(phase, r, p.Name)
		if e.Then != general.Then || e.Class != general.Class || e.Advice != general.Advice {
			all = append(all, e)
		}
	}
	return all
}

// consequence is what the courier does about a verdict; docs/mail.md has the
// same.
func consequence(scope Scope, class Class, pause provider.Pause) string {
	switch {
	case scope == Recipient && class == Permanent:
		return "This recipient is given up and the mail kept in badmail/; the other recipients get theirs."
	case scope == Recipient:
		return "This recipient is tried again after 15 s to 30 min, growing, for five days; the other recipients get theirs."
	case scope == Message && class == Permanent:
		return "The mail goes to badmail/; others still go."
	case scope == Message:
		return "The mail is tried again after 15 s to 30 min, growing, for five days; others still go."
	case class == AuthBroken && pause != (provider.Pause{}):
		return "The account pauses for 5, 15, 30, then 60 min, at least " + pause.String() + ". Its mail waits, and goes through the next mail server if there is one."
	case class == AuthBroken:
		return "The account pauses for 5, 15, 30, then 60 min. Its mail waits, and goes through the next mail server if there is one."
	case class == QuotaReached && pause != (provider.Pause{}):
		return "The account pauses: " + pause.String() + ". Its mail waits, and goes through the next mail server if there is one."
	case class == QuotaReached:
		return "The account pauses for 1, 2, then 4 h. Its mail waits, and goes through the next mail server if there is one."
	case pause != (provider.Pause{}):
		return "The account pauses for 15 s to 30 min, growing, at least " + pause.String() + ". Its mail waits; none is given up."
	default:
		return "The account pauses for 15 s to 30 min, growing. Its mail waits; none is given up."
	}
}

// The parts of a reply in a text: where it came, as Failure writes it, its code,
// its enhanced code and the rest.
var replyPattern = regexp.MustCompile(`(?:^|[\s"'(>\[:=])(?:(token|connect|tls|greeting|ehlo|starttls|auth|mail|rcpt|data|dot|rset|quit): )?` +
	`([2-5][0-5][0-9])(?:[ -]+#?([245]\.[0-9]{1,3}\.[0-9]{1,3})\b)?(?:[ :;-]+([^\n]*))?(?:$|[\s"',;)\]:])`)

var enhancedPattern = regexp.MustCompile(`(?:^|[^0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:$|[^0-9.])`)

// FindReply finds the reply in a text, such as a line of a log, and where it
// came, empty when the text does not say. A code beside its enhanced one counts
// more than one alone, and a refusal more than a success.
func FindReply(text string) (phase Phase, r Reply, ok bool) {
	best := 0
	for from := 0; from < len(text); {
		m := replyPattern.FindStringSubmatchIndex(text[from:])
		if m == nil {
			break
		}
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[from+m[2*i] : from+m[2*i+1]]
		}
		code, _ := strconv.Atoi(part(2))
		candidate := Reply{Code: code, Enhanced: part(3), Text: safe(strings.Trim(part(4), ` "'`), maxText)}
		if points := weight(part(1), candidate, from+m[4]); points > best {
			best, phase, r = points, Phase(part(1)), candidate
		}
		from += m[5] // go on behind the code
	}
	if best > 0 {
		return phase, r, true
	}
	m := enhancedPattern.FindStringSubmatch(text)
	if m == nil {
		return "", Reply{}, false
	}
	code, _ := strconv.Atoi(m[1] + "50")
	enhanced := m[1] + "." + m[2] + "." + m[3]
	_, rest, _ := strings.Cut(text, enhanced)
	return "", Reply{Code: code, Enhanced: enhanced, Text: safe(strings.Trim(rest, ` :;"'-`), maxText)}, true
}

// weight is how much a number looks like a reply's code.
func weight(phase string, r Reply, at int) int {
	points := 1
	if r.Code >= 400 {
		points += 2
	}
	if r.Enhanced != "" && r.Enhanced[:1] == strconv.Itoa(r.Code/100) {
		points += 8
	}
	if phase != "" {
		points += 8
	}
	if at == 0 {
		points += 4
	}
	return points
}

// GuessPhase says where a reply mostly comes.
func GuessPhase(r Reply) Phase {
	text := strings.ToLower(r.Text)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case slices.Contains([]int{334, 432, 454, 526, 534, 535, 538}, r.Code), has("authentication failed", "login attempts", "credentials", "login fail"):
		return PhaseAuth
	case r.Code == 354:
		return PhaseData
	case strings.HasPrefix(r.Enhanced, "5.1.") && r.Enhanced != "5.1.7" && r.Enhanced != "5.1.8", strings.HasPrefix(r.Enhanced, "5.2.1"), strings.HasPrefix(r.Enhanced, "4.2."),
		slices.Contains([]int{450, 551}, r.Code), has("user unknown", "no such user", "mailbox unavailable", "recipient address"):
		return PhaseRecipient
	case r.Code == 530, has("sender address", "mail from"):
		return PhaseMail
	case r.Code == 220 || r.Code == 421:
		return PhaseGreeting
	default:
		return PhaseDot
	}
}
