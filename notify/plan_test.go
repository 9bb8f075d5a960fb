package notify

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// waitingItem reads "3c" (item 3, critical), "4" or "5h" (held in memory), to
// a notifier after "@", waiting for its group after "+": "6@boss+2m".
func waitingItem(text string) spool.Waiting {
	hold := time.Duration(0)
	if before, after, ok := strings.Cut(text, "+"); ok {
		hold, _ = time.ParseDuration(after)
		text = before
	}
	text, notifier, ok := strings.Cut(text, "@")
	if !ok {
		notifier = "ops"
	}
	held, severity := strings.HasSuffix(text, "h"), tocsin.Warning
	if strings.HasSuffix(text, "c") {
		severity = tocsin.Critical
	}
	number := 0
	_, _ = fmt.Sscanf(text, "%d", &number)
	return spool.Waiting{
		Item: &spool.Item{
			ID: fmt.Sprint(number), Queued: noon().Add(time.Duration(number) * time.Second), Severity: severity,
			Event: &tocsin.Event{Type: tocsin.Failed},
		},
		Target: spool.Target{Notifier: notifier, Addresses: []string{notifier + "@x"}, Hold: hold}, Held: held,
	}
}

// allowed is a verdict of limits that have room and no budget.
func allowed(room int) quota.Verdict {
	return quota.Verdict{Room: room, Messages: quota.Unlimited, Pace: quota.Pace{Recipients: room, Messages: quota.Unlimited}}
}

func describe(j job) string {
	if j.letter != nil {
		return "letter " + j.letter.Mail.ID
	}
	var ids []string
	for _, w := range j.waiting {
		ids = append(ids, w.Item.ID)
	}
	return strings.Join(ids, " ")
}

func TestNext(t *testing.T) {
	tests := []struct {
		name    string
		waiting string
		letters string // "L next-offset", critical with "c"
		paused  string // accounts that are paused for a minute
		room    map[string]int
		busy    string
		want    string
		wake    time.Duration // from now, when nothing is to do
	}{
		{name: "nothing"},
		{name: "one", waiting: "1", want: "1"},
		{name: "the oldest first", waiting: "2 1", want: "1"},
		{name: "critical first", waiting: "1 2c", want: "2"},
		{name: "each its own mail while there is room", waiting: "1 2 3", room: map[string]int{"a": 3}, want: "1"},
		{name: "a digest when there is not", waiting: "1 2 3", room: map[string]int{"a": 2}, want: "1 2 3"},
		{name: "a digest of one target only", waiting: "1 2@boss 3", room: map[string]int{"a": 1}, want: "1 3"},
		{name: "critical and others do not mix", waiting: "1c 2 3c", room: map[string]int{"a": 1}, want: "1 3"},
		{name: "what is in memory goes alone", waiting: "1h 2", room: map[string]int{"a": 1}, want: "1"},
		{name: "and joins no digest", waiting: "1 2h 3", room: map[string]int{"a": 1}, want: "1 3"},
		{name: "no room", waiting: "1 2", room: map[string]int{"a": 0}, wake: 30 * time.Second},
		{name: "a group waits", waiting: "1+2m 2+2m", wake: 2*time.Minute + time.Second - 5*time.Second},
		{name: "and goes as one", waiting: "1+4s 3+4s", want: "1 3"},
		{name: "what is not of the group does not", waiting: "1+4s 3", want: "1"},
		{name: "a letter that is due", letters: "L0", want: "letter L0"},
		{name: "a letter that is not", letters: "L60", wake: time.Minute},
		{name: "a critical event before a letter", waiting: "2c", letters: "L0", want: "2"},
		{name: "a clock that went back holds nothing up", letters: "L180000", want: "letter L180000"},
		{name: "nor a group", waiting: "9+2m", want: "9"},
		{name: "paused: the other account has it, until the pause ends", waiting: "1", paused: "a", wake: time.Minute},
		{name: "both paused", waiting: "1", paused: "a b", wake: time.Minute},
		{name: "full for long: the other account has it, until there is room soon", waiting: "1", room: map[string]int{"a": -1}, wake: 59 * time.Minute},
		{name: "all full: the one that frees first", waiting: "1", room: map[string]int{"a": -1, "b": -2}, wake: 59 * time.Minute},
		{name: "busy elsewhere", waiting: "1 2", busy: "1", want: "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := board{
				now: noon().Add(5 * time.Second), busy: map[string]time.Time{},
				servers: func(string, string) []string { return []string{"a", "b"} },
				paused: func(account string) time.Time {
					if strings.Contains(tt.paused, account) {
						return noon().Add(65 * time.Second)
					}
					return time.Time{}
				},
			}
			b.look = func(account string, _ bool) quota.Verdict {
				room, limited := tt.room[account]
				switch {
				case !limited:
					return allowed(quota.Unlimited)
				case room > 0:
					return allowed(room)
				case room == 0:
					return quota.Verdict{Until: b.now.Add(30 * time.Second)}
				}
				return quota.Verdict{Until: b.now.Add(time.Duration(-room) * time.Hour)}
			}
			for text := range strings.FieldsSeq(tt.waiting) {
				b.waiting = append(b.waiting, waitingItem(text))
			}
			for text := range strings.FieldsSeq(tt.letters) {
				seconds := 0
				_, _ = fmt.Sscanf(text, "L%d", &seconds)
				b.letters = append(b.letters, spool.Letter{
					Mail:     &spool.Mail{ID: text, Queued: noon(), Recipients: []string{"a@x"}},
					Delivery: spool.Delivery{Next: b.now.Add(time.Duration(seconds) * time.Second)},
				})
			}
			for _, w := range b.waiting {
				if w.Item.ID == tt.busy {
					b.busy[w.ID()] = time.Time{}
				}
			}
			j, wake := b.next("a")
			got := ""
			if j.letter != nil || len(j.waiting) > 0 {
				got = describe(j)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.wake == 0 && !wake.IsZero() || tt.wake > 0 && !wake.Equal(b.now.Add(tt.wake)) {
				t.Errorf("got wake %v, want in %v", wake.Sub(b.now), tt.wake)
			}
		})
	}
}

func TestFailoverSwitchesAccounts(t *testing.T) {
	b := board{
		now: noon().Add(time.Minute), busy: map[string]time.Time{}, waiting: []spool.Waiting{waitingItem("1")},
		servers: func(string, string) []string { return []string{"a", "b"} },
		paused: func(account string) time.Time {
			if account == "a" {
				return noon().Add(time.Hour)
			}
			return time.Time{}
		},
		look: func(string, bool) quota.Verdict {
			return allowed(quota.Unlimited)
		},
	}
	if j, _ := b.next("b"); describe(j) != "1" {
		t.Errorf("the second account does %q, want item 1", describe(j))
	}
}

// TestSomebodyIsAlwaysAwake runs two accounts with random pauses and limits in
// steps of their own wake times: work that is left never waits for an event.
func TestSomebodyIsAlwaysAwake(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		now := noon().Add(time.Hour)
		paused := map[string]time.Time{"a": now.Add(time.Duration(r.IntN(3)) * 20 * time.Second), "b": now.Add(time.Duration(r.IntN(3)) * 20 * time.Second)}
		full := map[string]time.Time{"a": now.Add(time.Duration(r.IntN(4)) * 45 * time.Second), "b": now.Add(time.Duration(r.IntN(4)) * 45 * time.Second)}
		b := board{
			waiting: []spool.Waiting{waitingItem("1")}, busy: map[string]time.Time{},
			servers: func(string, string) []string { return []string{"a", "b"} },
			paused:  func(account string) time.Time { return paused[account] },
		}
		b.look = func(account string, _ bool) quota.Verdict {
			if full[account].After(b.now) {
				return quota.Verdict{Until: full[account]}
			}
			return allowed(1)
		}
		wakes := map[string]time.Time{"a": now, "b": now}
		for sent := false; !sent; {
			account := "a"
			if wakes["a"].IsZero() || !wakes["b"].IsZero() && wakes["b"].Before(wakes["a"]) {
				account = "b"
			}
			if wakes[account].IsZero() {
				t.Fatalf("at %v everybody sleeps; pauses %v, full %v", b.now, paused, full)
			}
			b.now = wakes[account]
			j, wake := b.next(account)
			if sent = len(j.waiting) > 0; !sent && !wake.IsZero() && !wake.After(b.now) {
				t.Fatalf("%s is to look again at %v, which is now", account, wake)
			}
			wakes[account] = wake
		}
		if b.now.After(now.Add(3 * time.Minute)) {
			t.Errorf("the mail went at %v", b.now)
		}
	}
}
