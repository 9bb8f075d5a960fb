package smtp

import (
	"slices"
	"strings"

	"tocsin/notify/provider"
)

// rule maps replies to what they mean. Empty conditions hold for everything.
type rule struct {
	phases   []Phase
	codes    []int
	enhanced []string
	// texts holds words in lower case of which one must occur.
	texts []string
	scope Scope
	class Class
}

func (r rule) match(phase Phase, reply Reply, text string) bool {
	return (r.phases == nil || slices.Contains(r.phases, phase)) &&
		(r.codes == nil || slices.Contains(r.codes, reply.Code)) &&
		(r.enhanced == nil || slices.Contains(r.enhanced, reply.Enhanced)) &&
		(r.texts == nil || slices.ContainsFunc(r.texts, func(t string) bool { return strings.Contains(text, t) }))
}

// transaction holds the phases in which a message can be at fault.
func transaction() []Phase { return []Phase{PhaseMail, PhaseRecipient, PhaseData, PhaseDot} }

// rules is the general table of Classify: the first match wins. What no rule
// matches goes by the phase and the first digit.
func rules() []rule {
	before := []Phase{PhaseConnect, PhaseTLS, PhaseGreeting, PhaseHello, PhaseReset, PhaseQuit}
	return []rule{
		// RFC 5321 4.5.3.1.10: the others go in another transaction.
		{phases: []Phase{PhaseRecipient}, codes: []int{452}, enhanced: []string{"4.5.3"}, scope: Recipient},
		{codes: []int{452}, enhanced: []string{"4.5.3"}, scope: Message},
		// The recipient's limit, not ours: Gmail's "is receiving mail too quickly".
		{phases: []Phase{PhaseRecipient}, codes: []int{450}, texts: []string{"receiving mail"}, scope: Recipient},

		// Limits of the account, whatever their code. Many are 5xx.
		{enhanced: []string{"5.7.232", "5.7.233"}, class: QuotaReached}, // Exchange Online's tenant limit
		{texts: quotaTexts(), class: QuotaReached},
		{codes: []int{432}, class: Transient}, // Exchange Online: too many connections

		{codes: []int{421}, class: Transient},
		{phases: before, class: Transient},

		// SendGrid and others have 4xx for a refused account as well.
		{phases: []Phase{PhaseAuth}, codes: []int{451}, texts: []string{"authentication failed"}, class: AuthBroken},
		{phases: []Phase{PhaseAuth}, codes: codes(400, 499), class: Transient},
		{phases: []Phase{PhaseAuth}, codes: codes(500, 599), class: AuthBroken},
		// "Bad sequence of commands" is about the conversation and not about
		// the mail; some say with it that they want a login.
		{phases: transaction(), codes: []int{503}, texts: []string{"authenticat", "auth first"}, class: AuthBroken},
		{phases: transaction(), codes: []int{503}, class: Transient},
		{phases: transaction(), codes: []int{526, 530, 534, 535, 538}, class: AuthBroken},
		{phases: transaction(), enhanced: []string{"5.7.8", "5.7.9", "5.7.57", "5.7.139"}, class: AuthBroken},

		// A sender that the account may not use is a mistake in the rule
		// file; the mail waits until it is mended.
		{phases: []Phase{PhaseMail}, texts: []string{
			"not owned by", "relaying disallowed", "must be equal", "must equal", "conform with authentication", "local user only",
			"not authorized to send", "sendasdenied", "not allowed to send as", "sender address blocked", "not verified",
		}, scope: Message},
	}
}

// quotaTexts are words of replies that mean "you sent too much", as seen at
// Google, Microsoft, Apple, Amazon, Zoho, SendGrid, NetEase, QQ, Postfix and Exim.
func quotaTexts() []string {
	return []string{
		"sending limit", "sending quota", "sending rate", "smtp relay limit", "relay sending limit",
		"submissionquotaexceeded", "message quota exceeded", "throttling failure",
		"maximum credits", "frequency limited", "unusual sending activity",
		"too much mail from", "too many recipients from", "too many messages", "sender rate", "rate limit",
		"ratelimit", "hourly limit", "daily limit", "limit exceeded for",
		"mi:sfq", "mi:stc", "mi:dmc", "rp:drc", "rp:rcl", "rp:qrc", "rp:trc", "hl:icc", "hl:ifc", "hl:ihu",
	}
}

func codes(from, to int) []int {
	all := make([]int, 0, to-from+1)
	for code := from; code <= to; code++ {
		all = append(all, code)
	}
	return all
}

// Classify says what a refusal means for whom, and how long its provider wants
// the account left alone; the zero Pause leaves that to the caller. It is pure.
// Name is that of a preset, such as "gmail", whose replies come before the
// general rules; others change nothing. A reply that is no refusal (2xx, 3xx)
// came at the wrong time: Account and Protocol. Account never goes with
// Permanent.
func Classify(phase Phase, r Reply, name string) (Scope, Class, provider.Pause) {
	switch {
	case r.Code < 400 || r.Code > 599:
		return Account, Protocol, provider.Pause{}
	case phase == PhaseStartTLS && r.Code != 421:
		return Account, TLSBroken, provider.Pause{}
	}
	text := strings.ToLower(r.Text)
	preset, _ := provider.Find(name)
	if row, ok := preset.Match(string(phase), r.Code, r.Enhanced, text); ok {
		scope, class := meaning(row.Means, phase, r.Code)
		return scope, class, row.Pause
	}
	for _, rule := range rules() {
		switch {
		case !rule.match(phase, r, text):
		case rule.class == QuotaReached:
			return rule.scope, rule.class, preset.Full
		default:
			return rule.scope, rule.class, provider.Pause{}
		}
	}
	scope, class := plain(phase, r.Code)
	return scope, class, provider.Pause{}
}

// meaning is a provider's verdict as a scope and a class.
func meaning(v provider.Verdict, phase Phase, code int) (Scope, Class) {
	switch v {
	case provider.Quota:
		return Account, QuotaReached
	case provider.Auth:
		return Account, AuthBroken
	case provider.Wait:
		return Account, Transient
	}
	if !slices.Contains(transaction(), phase) {
		return Account, Transient // there is no message that could be at fault
	}
	scope, class := plain(phase, code)
	switch v {
	case provider.Sender:
		// A mistake in the rule file: the mail waits until it is mended.
		return Message, Transient
	case provider.Content:
		return Message, class
	case provider.Later:
		return scope, Transient
	default: // provider.Recipient
		return scope, class
	}
}

// plain goes by the phase and the first digit.
func plain(phase Phase, code int) (Scope, Class) {
	scope := Message
	if phase == PhaseRecipient {
		scope = Recipient
	}
	if code < 500 {
		return scope, Transient
	}
	return scope, Permanent
}
