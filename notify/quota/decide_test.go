package quota

import (
	"math/rand/v2"
	"testing"
	"time"
)

func start() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func uses(ago ...time.Duration) []Use {
	var list []Use
	for _, d := range ago {
		list = append(list, Use{At: start().Add(-d), Recipients: 1})
	}
	return list
}

func TestDecide(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	tests := []struct {
		name     string
		limit    Limit
		used     []Use
		critical bool
		room     int
		until    time.Duration // from now
		window   string
	}{
		{"no limit", Limit{}, uses(s), false, Unlimited, 0, ""},
		{"unused", Limit{RecipientsPerMinute: 5}, nil, false, 5, 0, ""},
		{"partly used", Limit{RecipientsPerMinute: 5}, uses(50*s, s), false, 3, 0, ""},
		{"used up", Limit{RecipientsPerMinute: 2}, uses(50*s, s), false, 0, 10 * s, "recipients_per_minute"},
		{"freed", Limit{RecipientsPerMinute: 2}, uses(61*s, s), false, 1, 0, ""},
		{"on the edge it still counts", Limit{RecipientsPerMinute: 2}, uses(60*s, s), false, 0, 0, "recipients_per_minute"},
		{"messages", Limit{MessagesPerHour: 1}, uses(m), true, 0, h - m, "messages_per_hour"},
		{"the longest wait counts", Limit{RecipientsPerMinute: 1, RecipientsPerDay: 1}, uses(s), true, 0, 24*h - s, "recipients_per_day"},
		{"the smallest room counts", Limit{RecipientsPerMinute: 9, RecipientsPerHour: 20}, uses(s), true, 8, 0, ""},
		{"a fifth of the day is kept", Limit{RecipientsPerDay: 5}, uses(4*h, 3*h, 2*h, h), false, 0, 20 * h, "recipients_per_day"},
		{"for critical", Limit{RecipientsPerDay: 5}, uses(4*h, 3*h, 2*h, h), true, 1, 0, ""},
		{"of a small limit nothing is kept", Limit{RecipientsPerDay: 4}, uses(3*h, 2*h, h), false, 1, 0, ""},
		{"minutes have no reserve", Limit{RecipientsPerMinute: 5}, uses(s, s, s, s), false, 1, 0, ""},
		{"several must leave", Limit{RecipientsPerMinute: 2}, uses(40*s, 30*s, 20*s), false, 0, 30 * s, "recipients_per_minute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Decide(tt.limit, tt.used, tt.critical, start())
			if v.Room != tt.room || v.Window != tt.window {
				t.Errorf("got room %d, window %q, want %d, %q", v.Room, v.Window, tt.room, tt.window)
			}
			if tt.room > 0 {
				return
			}
			if got := v.Until.Sub(start()) - tt.until; got < 0 || got > 100*time.Millisecond {
				t.Errorf("got until %v, want %v and the guard", v.Until.Sub(start()), tt.until)
			}
			if again := Decide(tt.limit, tt.used, tt.critical, v.Until); again.Room == 0 {
				t.Errorf("there is no room at the time that was promised: %+v", again)
			}
		})
	}
}

// TestNeverOver sends as fast as it may for simulated days, at random moments
// and to random numbers of recipients: no window ever holds more than its
// limit.
func TestNeverOver(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	limit := Limit{RecipientsPerSecond: 3, RecipientsPerMinute: 10, MessagesPerMinute: 6, RecipientsPerHour: 60, RecipientsPerDay: 300, MessagesPerDay: 200}
	now := start()
	var used []Use
	for now.Before(start().Add(3 * 24 * time.Hour)) {
		v := Decide(limit, used, r.IntN(4) == 0, now)
		if v.Room == 0 {
			now = v.Until
			continue
		}
		used = append(used, Use{At: now, Recipients: 1 + r.IntN(min(v.Room, 4))})
		now = now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
	}
	if len(used) < 400 {
		t.Fatalf("only %d messages in three days", len(used))
	}
	for _, w := range limit.Windows() {
		total, from := 0, 0
		for i, u := range used {
			total += w.cost(u)
			for used[i].At.Sub(used[from].At) > w.Length {
				total -= w.cost(used[from])
				from++
			}
			if total > w.Max {
				t.Fatalf("%s: %d at %v, limit %d", w.Name, total, u.At, w.Max)
			}
		}
	}
}

func TestTighten(t *testing.T) {
	got := Limit{RecipientsPerDay: 100, MessagesPerHour: 5}.Tighten(Limit{RecipientsPerDay: 50, MessagesPerHour: 9, Connections: 1})
	if want := (Limit{RecipientsPerDay: 50, MessagesPerHour: 5, Connections: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
