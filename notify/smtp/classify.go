package smtp

import (
	"slices"
	"strings"
)

// rule maps replies to what they mean. Empty conditions hold for everything.
type rule struct {
	providers []string
	phases    []Phase
	codes     []int
	enhanced  []string
	// texts holds words in lower case of which one must occur.
	texts []string
	scope Scope
	class Class
}

func (r rule) match(phase Phase, reply Reply, text, provider string) bool {
	return (r.providers == nil || slices.Contains(r.providers, provider)) &&
		(r.phases == nil || slices.Contains(r.phases, phase)) &&
		(r.codes == nil || slices.Contains(r.codes, reply.Code)) &&
		(r.enhanced == nil || slices.Contains(r.enhanced, reply.Enhanced)) &&
		(r.texts == nil || slices.ContainsFunc(r.texts, func(t string) bool { return strings.Contains(text, t) }))
}

// rules is the table of Classify: the first match wins. What no rule matches
// goes by the phase and the first digit.
func rules() []rule {
	transaction := []Phase{PhaseMail, PhaseRecipient, PhaseData, PhaseDot}
	before := []Phase{PhaseConnect, PhaseTLS, PhaseGreeting, PhaseHello, PhaseReset, PhaseQuit}
	google := []string{"gmail", "google-workspace", "google-relay"}
	microsoft := []string{"microsoft365", "outlook.com"}
	return []rule{
		{phases: []Phase{PhaseStartTLS}, codes: []int{421}, class: Transient},
		{phases: []Phase{PhaseStartTLS}, class: TLSBroken},

		// RFC 5321 4.5.3.1.10: the others go in another transaction.
		{phases: []Phase{PhaseRecipient}, codes: []int{452}, enhanced: []string{"4.5.3"}, scope: Recipient},
		{codes: []int{452}, enhanced: []string{"4.5.3"}, scope: Message},
		// The recipient's limit, not ours: Gmail's "is receiving mail too quickly".
		{phases: []Phase{PhaseRecipient}, codes: []int{450}, texts: []string{"receiving mail"}, scope: Recipient},

		// Limits of the account, whatever their code. Many are 5xx.
		{providers: google, enhanced: []string{"5.4.5"}, class: QuotaReached},
		{providers: microsoft, codes: []int{554}, enhanced: []string{"5.2.2"}, class: QuotaReached}, // our own mailbox is full
		{enhanced: []string{"5.7.232", "5.7.233"}, class: QuotaReached},                             // Exchange Online's tenant limit
		{texts: quotaTexts(), class: QuotaReached},
		{codes: []int{432}, class: Transient}, // Exchange Online: too many connections

		{codes: []int{421}, class: Transient},
		{phases: before, class: Transient},

		// SendGrid and others have 4xx for a refused account as well.
		{phases: []Phase{PhaseAuth}, codes: []int{451}, texts: []string{"authentication failed"}, class: AuthBroken},
		{phases: []Phase{PhaseAuth}, codes: codes(400, 499), class: Transient},
		{phases: []Phase{PhaseAuth}, codes: codes(500, 599), class: AuthBroken},
		{phases: transaction, codes: []int{526, 530, 534, 535, 538}, class: AuthBroken},
		{phases: transaction, enhanced: []string{"5.7.8", "5.7.9", "5.7.57", "5.7.139"}, class: AuthBroken},

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

// Classify says what a refusal means for whom. It is pure. Provider is the
// name of a preset, such as "gmail"; others change nothing. A reply that is no
// refusal (2xx, 3xx) came at the wrong time: Account and Protocol. Account
// never goes with Permanent.
func Classify(phase Phase, r Reply, provider string) (Scope, Class) {
	if r.Code < 400 || r.Code > 599 {
		return Account, Protocol
	}
	text := strings.ToLower(r.Text)
	for _, rule := range rules() {
		if rule.match(phase, r, text, provider) {
			return rule.scope, rule.class
		}
	}
	scope := Message
	if phase == PhaseRecipient {
		scope = Recipient
	}
	if r.Code < 500 {
		return scope, Transient
	}
	return scope, Permanent
}
