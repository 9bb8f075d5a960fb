package notify

import (
	"fmt"
	"testing"
	"time"

	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// What is not fit for the wire is refused without a word of the server: the
// reason is ours.
func TestARefusalOfOurOwnSaysWhy(t *testing.T) {
	const address = "ops@example.com"
	now := time.Unix(0, 0)
	letter := spool.Letter{
		Mail:     &spool.Mail{Recipients: []string{address}, Queued: now},
		Delivery: spool.Delivery{Attempts: 1, Recipients: make(map[string]spool.Recipient)},
	}
	result := smtp.Result{Recipients: []smtp.Verdict{{Address: address, Status: smtp.Refused, Phase: smtp.PhaseMail}}}
	err := &smtp.Failure{
		Scope: smtp.Message, Class: smtp.Permanent, Phase: smtp.PhaseMail,
		Err: fmt.Errorf("%w message: the byte 0xc3 at 9 is not ASCII text", smtp.ErrMalformed),
	}
	d := settle(letter, result, err, Account{Server: smtp.Server{Name: "one"}}, now)
	want := spool.Recipient{
		Status: spool.Failed, At: now, Server: "one",
		Reply: "mail: malformed message: the byte 0xc3 at 9 is not ASCII text",
	}
	if got := d.Recipients[address]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
