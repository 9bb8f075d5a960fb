package smtp_test

import (
	"fmt"
	"testing"

	"tocsin/notify/smtp"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		phase    smtp.Phase
		code     int
		enhanced string
		text     string
		provider string
		scope    smtp.Scope
		class    smtp.Class
	}{
		{smtp.PhaseGreeting, 554, "", "no service here", "", smtp.Account, smtp.Transient},
		{smtp.PhaseHello, 504, "5.5.2", "need fully-qualified address", "fastmail", smtp.Account, smtp.Transient},
		{smtp.PhaseStartTLS, 454, "4.7.0", "TLS not available", "", smtp.Account, smtp.TLSBroken},
		{smtp.PhaseStartTLS, 501, "", "", "", smtp.Account, smtp.TLSBroken},
		{smtp.PhaseAuth, 535, "5.7.8", "Username and Password not accepted", "gmail", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseAuth, 534, "5.7.9", "Application-specific password required", "gmail", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseAuth, 526, "", "Authentication failure[0]", "aliyun-directmail", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseAuth, 504, "", "unrecognized type", "", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseAuth, 554, "5.1.8", "Sender Address Blocked", "zoho", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseAuth, 454, "4.7.0", "Too many login attempts", "gmail", smtp.Account, smtp.Transient},
		{smtp.PhaseAuth, 451, "", "Authentication failed: Maximum credits exceeded", "sendgrid", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseAuth, 451, "", "Authentication failed: what else", "sendgrid", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseMail, 421, "4.7.0", "Try again later", "gmail", smtp.Account, smtp.Transient},
		{smtp.PhaseMail, 530, "5.7.0", "Authentication required", "", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseDot, 535, "5.7.139", "basic authentication is disabled", "microsoft365", smtp.Account, smtp.AuthBroken},
		{smtp.PhaseMail, 550, "5.4.5", "Daily user sending limit exceeded", "gmail", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseDot, 550, "5.4.5", "any words", "google-workspace", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseRecipient, 550, "5.4.5", "any words", "generic", smtp.Recipient, smtp.Permanent},
		{smtp.PhaseRecipient, 450, "4.2.1", "Peak SMTP relay limit exceeded", "google-relay", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseRecipient, 450, "4.2.1", "The user is receiving mail at a rate that", "gmail", smtp.Recipient, smtp.Transient},
		{smtp.PhaseRecipient, 452, "4.5.3", "too many recipients", "gmail", smtp.Recipient, smtp.Transient},
		{smtp.PhaseData, 452, "4.5.3", "too many recipients", "gmail", smtp.Message, smtp.Transient},
		{smtp.PhaseDot, 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "microsoft365", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseDot, 554, "5.2.2", "mailbox full", "microsoft365", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseDot, 550, "5.7.233", "TERRL", "", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseMail, 432, "4.3.2", "Concurrent connections limit exceeded", "microsoft365", smtp.Account, smtp.Transient},
		{smtp.PhaseDot, 550, "5.7.1", "<a>: You have exceeded your daily sending limit", "icloud", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseDot, 550, "5.4.6", "Unusual sending activity detected", "zoho", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseMail, 550, "", "Connection frequency limited", "qq", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseRecipient, 550, "", "RP:TRC 163 smtp1", "netease", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseMail, 454, "", "Throttling failure: Daily message quota exceeded", "ses", smtp.Account, smtp.QuotaReached},
		{smtp.PhaseMail, 553, "5.7.1", "Sender address rejected: not owned by user", "yandex", smtp.Message, smtp.Transient},
		{smtp.PhaseMail, 552, "5.3.4", "too large", "", smtp.Message, smtp.Permanent},
		{smtp.PhaseMail, 451, "4.3.0", "later", "", smtp.Message, smtp.Transient},
		{smtp.PhaseRecipient, 550, "5.1.1", "no such user", "", smtp.Recipient, smtp.Permanent},
		{smtp.PhaseRecipient, 552, "5.2.2", "mailbox full", "microsoft365", smtp.Recipient, smtp.Permanent},
		{smtp.PhaseRecipient, 450, "", "greylisted", "", smtp.Recipient, smtp.Transient},
		{smtp.PhaseData, 554, "", "no valid recipients", "", smtp.Message, smtp.Permanent},
		{smtp.PhaseDot, 554, "5.7.1", "spam", "yandex", smtp.Message, smtp.Permanent},
		{smtp.PhaseReset, 500, "", "what", "", smtp.Account, smtp.Transient},
		{smtp.PhaseMail, 354, "", "", "", smtp.Account, smtp.Protocol},
		{smtp.PhaseDot, 220, "", "", "", smtp.Account, smtp.Protocol},
		{smtp.PhaseDot, 0, "", "", "", smtp.Account, smtp.Protocol},
	} {
		r := smtp.Reply{Code: tt.code, Enhanced: tt.enhanced, Text: tt.text}
		t.Run(fmt.Sprintf("%s/%s/%s", tt.provider, tt.phase, r), func(t *testing.T) {
			scope, class, _ := smtp.Classify(tt.phase, r, tt.provider)
			if scope != tt.scope || class != tt.class {
				t.Errorf("got %s, %s, want %s, %s", scope, class, tt.scope, tt.class)
			}
		})
	}
}

// TestAccountIsNeverGivenUp looks at every code at every phase.
func TestAccountIsNeverGivenUp(t *testing.T) {
	for _, phase := range []smtp.Phase{
		smtp.PhaseConnect, smtp.PhaseTLS, smtp.PhaseGreeting, smtp.PhaseHello, smtp.PhaseStartTLS, smtp.PhaseAuth,
		smtp.PhaseMail, smtp.PhaseRecipient, smtp.PhaseData, smtp.PhaseDot, smtp.PhaseReset, smtp.PhaseQuit, "new",
	} {
		for code := range 700 {
			scope, class, _ := smtp.Classify(phase, smtp.Reply{Code: code}, "gmail")
			if scope == smtp.Account && class == smtp.Permanent {
				t.Errorf("%d at %s gives up the account", code, phase)
			}
			if class == smtp.Permanent && code/100 != 5 {
				t.Errorf("%d at %s is permanent", code, phase)
			}
			before := phase != smtp.PhaseMail && phase != smtp.PhaseRecipient && phase != smtp.PhaseData && phase != smtp.PhaseDot && phase != "new"
			if before && scope != smtp.Account {
				t.Errorf("%d at %s blames a message", code, phase)
			}
		}
	}
}
