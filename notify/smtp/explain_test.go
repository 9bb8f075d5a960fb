package smtp_test

import (
	"strings"
	"testing"

	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

func TestFindReply(t *testing.T) {
	tests := []struct {
		text, phase, want string // none is for none
	}{
		{"535 5.7.8", "", "535 5.7.8"},
		{"535", "", "535"},
		{"550 Connection frequency limited", "", "550 Connection frequency limited"},
		{"550-5.1.1 no such user", "", "550 5.1.1 no such user"},
		{"  550-5.7.26 This mail", "", "550 5.7.26 This mail"},
		{"#5.4.5", "", "550 5.4.5"},
		{"4.7.0: later", "", "450 4.7.0 later"},
		{`err="auth: 535 5.7.8 Username and Password not accepted"`, "auth", "535 5.7.8 Username and Password not accepted"},
		{`time=2026-11-22T09:00:00Z level=WARN msg="mail deferred" attempt=450 took=430ms reply="450 4.2.0 greylisted"`, "", "450 4.2.0 greylisted"},
		{"Nov 22 09:00:00 web-1 tocsin[451]: mail server paused err=\"dot: 550 5.4.5 Daily limit\"", "dot", "550 5.4.5 Daily limit"},
		{"status=deferred (host smtp.example.com[192.0.2.250] said: 452 4.2.2 mailbox full (in reply to RCPT TO command))", "", "452 4.2.2 mailbox full (in reply to RCPT TO command))"},
		{"gave 250 and then 554 no", "", "554 no"},
		{"mail: 421 4.3.2 bye", "mail", "421 4.3.2 bye"},
		{"550 \x1b[31mred", "", `550 \x1b[31mred`},
		{"", "", "none"},
		{"hello", "", "none"},
		{"port 465, 587", "", "none"},
		{"10.5.5.4", "", "none"},
		{"1550", "", "none"},
	}
	for _, tt := range tests {
		phase, r, ok := smtp.FindReply(tt.text)
		got := r.String()
		if !ok {
			got = "none"
		}
		if got != tt.want || string(phase) != tt.phase {
			t.Errorf("%q: got %q at %q, want %q at %q", tt.text, got, phase, tt.want, tt.phase)
		}
	}
}

// TestEveryRowIsExplained has no row of a provider's classifier without a word
// on what is done and what can be done.
func TestEveryRowIsExplained(t *testing.T) {
	for _, p := range provider.All() {
		for _, row := range p.Replies {
			r := smtp.Reply{Code: row.Code, Enhanced: row.Enhanced, Text: row.Text}
			if r.Code == 0 {
				r.Code = 550
			}
			phase := smtp.Phase(row.At)
			if phase == "" {
				phase = smtp.GuessPhase(r)
			}
			e := smtp.Explain(phase, r, p.Name)
			if e.Meaning == "" || e.Then == "" || (e.Advice == "" && e.Class != "transient") {
				t.Errorf("%s, %v at %s: got %+v", p.Name, r, phase, e)
			}
		}
		if p.Login != provider.NoLogin && p.Hint == "" {
			t.Errorf("%s: nothing is said about a refused login", p.Name)
		}
	}
}

func TestDifferences(t *testing.T) {
	r := smtp.Reply{Code: 550, Text: "Connection frequency limited"}
	var names []string
	for _, e := range smtp.Differences(smtp.PhaseDot, r) {
		names = append(names, e.Provider+" "+e.Pause)
	}
	if got, want := strings.Join(names, ", "), "qq 15m, tencent-exmail 15m"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
	if e := smtp.Explain(smtp.PhaseAuth, smtp.Reply{Code: 535}, "163"); !strings.HasPrefix(e.Advice, "NetEase wants the authorization code, not the password") {
		t.Errorf("got %+v", e)
	}
}

func FuzzFindReply(f *testing.F) {
	f.Add(`err="auth: 535 5.7.8 no"`)
	f.Add("550-5.1.1 \xff\x00")
	f.Fuzz(func(t *testing.T, text string) {
		phase, r, ok := smtp.FindReply(text)
		if ok && (r.Code < 200 || r.Code > 559) {
			t.Errorf("got %v", r)
		}
		if ok && phase == "" {
			phase = smtp.GuessPhase(r)
		}
		if e := smtp.Explain(phase, r, "qq"); ok && (e.Then == "" || len(e.Reply.Text) > 1<<10) {
			t.Errorf("got %+v", e)
		}
	})
}
