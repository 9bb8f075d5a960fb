package smtp_test

import (
	"bufio"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

//go:embed testdata/replies.txt
var repliesTable string

// TestRepliesOfProviders goes through testdata/replies.txt: the replies that
// are known of the providers and what each of them means.
func TestRepliesOfProviders(t *testing.T) {
	rows, seen := 0, map[string]bool{}
	scanner := bufio.NewScanner(strings.NewReader(repliesTable))
	for scanner.Scan() {
		line := scanner.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "|")
		if len(fields) != 4 {
			t.Fatalf("%q: got %d fields, want 4", line, len(fields))
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		reply := parsedReply(t, fields[2])
		for name := range strings.FieldsSeq(fields[0]) {
			rows++
			seen[name] = true
			if _, ok := provider.Find(name); !ok {
				t.Errorf("%q: there is no provider %q", line, name)
			}
			scope, class, pause := smtp.Classify(smtp.Phase(fields[1]), reply, name)
			got := strings.TrimSpace(fmt.Sprintf("%s %s %s", scope, class, pause))
			if got != fields[3] {
				t.Errorf("%s at %s: %s: got %q, want %q", name, fields[1], reply, got, fields[3])
			}
		}
	}
	if rows < 100 {
		t.Errorf("got %d rows, want 100 or more", rows)
	}
	for _, p := range provider.All() {
		if len(p.Replies) > 0 && !seen[p.Name] {
			t.Errorf("%s has replies and no row", p.Name)
		}
	}
}

// parsedReply takes "550 5.4.5 Daily limit" apart.
func parsedReply(t *testing.T, text string) smtp.Reply {
	t.Helper()
	first, rest, _ := strings.Cut(text, " ")
	code, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	r := smtp.Reply{Code: code, Text: rest}
	if word, after, _ := strings.Cut(rest, " "); strings.Count(word, ".") == 2 && strings.Trim(word, "0123456789.") == "" {
		r.Enhanced, r.Text = word, after
	}
	return r
}

func phases() []smtp.Phase {
	return []smtp.Phase{
		smtp.PhaseConnect, smtp.PhaseTLS, smtp.PhaseGreeting, smtp.PhaseHello, smtp.PhaseStartTLS, smtp.PhaseAuth,
		smtp.PhaseMail, smtp.PhaseRecipient, smtp.PhaseData, smtp.PhaseDot, smtp.PhaseReset, smtp.PhaseQuit,
	}
}

// TestNoProviderGivesAnAccountUp puts every row of every provider through
// every phase and code.
func TestNoProviderGivesAnAccountUp(t *testing.T) {
	for _, p := range provider.All() {
		for _, row := range p.Replies {
			if row.At != "" && !slices.Contains(phases(), smtp.Phase(row.At)) {
				t.Errorf("%s: %q is no phase", p.Name, row.At)
			}
			for _, phase := range phases() {
				for code := 400; code < 600; code++ {
					reply := smtp.Reply{Code: code, Enhanced: row.Enhanced, Text: row.Text}
					scope, class, pause := smtp.Classify(phase, reply, p.Name)
					switch {
					case class == smtp.Permanent && (scope == smtp.Account || code < 500):
						t.Errorf("%s: %s at %s: %s, %s", p.Name, reply, phase, scope, class)
					case scope != smtp.Account && !slices.Contains([]smtp.Phase{smtp.PhaseMail, smtp.PhaseRecipient, smtp.PhaseData, smtp.PhaseDot}, phase):
						t.Errorf("%s: %s at %s blames the %s", p.Name, reply, phase, scope)
					case scope != smtp.Account && pause != (provider.Pause{}):
						t.Errorf("%s: %s at %s pauses the account for the %s", p.Name, reply, phase, scope)
					}
				}
			}
		}
	}
}

func TestHint(t *testing.T) {
	for _, tt := range []struct {
		provider string
		failure  smtp.Failure
		want     string
	}{
		{"gmail", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535, Enhanced: "5.7.8"}}, "app password"},
		{"gmail", smtp.Failure{Phase: smtp.PhaseHello, Reply: smtp.Reply{Code: 421, Enhanced: "4.7.0"}}, "set hostname"},
		{"gmail", smtp.Failure{Phase: smtp.PhaseConnect}, "firewall"},
		{"163", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535}}, "authorization code, not the password"},
		{"qq", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535}}, "authorization code"},
		{"microsoft365", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535, Enhanced: "5.7.139"}}, "security defaults"},
		{"microsoft365", smtp.Failure{Class: smtp.QuotaReached, Phase: smtp.PhaseDot, Reply: smtp.Reply{Code: 554, Enhanced: "5.2.2"}}, "Sent Items"},
		{"yandex", smtp.Failure{Class: smtp.QuotaReached, Phase: smtp.PhaseDot, Pause: provider.Pause{Firm: true}}, "every try makes the block longer"},
		{"sendgrid", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535}}, "apikey"},
		{"", smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 535}}, "check username and password"},
		{"", smtp.Failure{Class: smtp.QuotaReached, Phase: smtp.PhaseDot}, "nothing is lost"},
	} {
		if got := smtp.Hint(&tt.failure, tt.provider); !strings.Contains(got, tt.want) {
			t.Errorf("%s, %v: got %q, want %q in it", tt.provider, &tt.failure, got, tt.want)
		}
	}
	for _, p := range provider.All() {
		if p.Login == provider.NoLogin {
			continue
		}
		failure := &smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Reply: smtp.Reply{Code: 599}}
		if got := smtp.Hint(failure, p.Name); got != p.Hint {
			t.Errorf("%s: got %q, want its own hint", p.Name, got)
		}
	}
}
