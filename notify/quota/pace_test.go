package quota

import (
	"slices"
	"testing"
	"time"
)

// spread makes n uses of one recipient each, the oldest of them ago.
func spread(n int, ago time.Duration) []Use {
	return slices.Repeat(uses(ago), n)
}

func TestPace(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	day := Limit{RecipientsPerDay: 500}
	tests := []struct {
		name     string
		limit    Limit
		used     []Use
		critical bool
		now      int           // recipients that may go at once
		gap      time.Duration // of a mail to one, else
	}{
		{"no limit", Limit{}, nil, false, Unlimited, 0},
		{"a second only spaces out", Limit{RecipientsPerSecond: 1}, uses(0), false, Unlimited, 0},
		{"a minute", Limit{RecipientsPerMinute: 20}, uses(m / 2), false, 19, 0},
		// 100 are kept for critical events and half of the others for later.
		{"a day, unused", day, nil, false, 200, 0},
		{"the other half over the day", day, spread(200, 0), false, 0, 24 * h / 200},
		{"what was spared meanwhile", day, spread(200, 4*h), false, 45, 0}, // a sixth of 275
		{"slower when it gets short", day, spread(390, 4*h), false, 0, 53*m + 20*s},
		{"critical: a day, unused", day, nil, true, 375, 0},
		{"critical: all but what is kept for it and for a few others", day, spread(380, 4*h), true, 11, 0},
		{"critical: what is kept lasts", day, spread(400, 0), true, 0, 24 * h / 75},
		{"critical: the last one", day, spread(499, 23*h), true, 0, 24 * h / 75},
		{"of an hour as well", Limit{RecipientsPerHour: 50}, spread(20, 0), false, 0, h / 20},
		{"one an hour", Limit{RecipientsPerHour: 1}, nil, false, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Decide(tt.limit, tt.used, tt.critical, start()).Pace
			if p.Recipients != tt.now || (p.PerRecipient-tt.gap).Abs() > time.Second {
				t.Errorf("got %d at once and then one in %v, want %d, %v", p.Recipients, p.PerRecipient, tt.now, tt.gap)
			}
		})
	}
}

func TestPaceNext(t *testing.T) {
	p := Pace{PerRecipient: time.Minute, PerMessage: 3 * time.Minute, Last: start()}
	for _, tt := range []struct {
		recipients int
		want       time.Duration
	}{{1, 3 * time.Minute}, {5, 5 * time.Minute}, {1 << 62, 24 * time.Hour}} {
		if got := p.Next(tt.recipients).Sub(start()); got != tt.want {
			t.Errorf("%d recipients: got %v, want %v", tt.recipients, got, tt.want)
		}
	}
	if (Pace{Recipients: 1, Messages: Unlimited}).Allows(2, 1) {
		t.Error("two recipients go where one may")
	}
}

// TestPaceIsByClass: what is critical does not wait for what is not.
func TestPaceIsByClass(t *testing.T) {
	used := spread(400, 4*time.Hour)
	used = append(used, Use{At: start().Add(-2 * time.Hour), Recipients: 80, Critical: true}, uses(time.Minute)[0])
	got := Decide(Limit{RecipientsPerDay: 500}, used, true, start()).Pace
	if want := start().Add(-2 * time.Hour); !got.Last.Equal(want) || got.PerRecipient == 0 {
		t.Errorf("got %+v, want the last critical use, %v", got, want)
	}
}

// TestPaceLasts sends two days of a storm of both classes, and all of it as soon
// as it may: neither is ever left without budget.
func TestPaceLasts(t *testing.T) {
	limit := Limit{RecipientsPerDay: 450, MessagesPerMinute: 20}
	var used []Use
	var last, longest [2]time.Duration
	for at := time.Duration(0); at < 48*time.Hour; at += 10 * time.Second {
		now := start().Add(at)
		for class := range 2 {
			critical := class == 1
			v := Decide(limit, used, critical, now)
			if v.Room == 0 || v.Pace.Next(1).After(now) || v.Pace.Recent >= 20 && now.Sub(v.Pace.Last) < time.Minute {
				continue
			}
			longest[class] = max(longest[class], at-last[class])
			last[class] = at
			used = recent(append(used, Use{At: now, Recipients: 1, Critical: critical}), now)
		}
	}
	if longest[1] > 25*time.Minute || longest[0] > 2*time.Hour {
		t.Errorf("critical mail waited %v, others %v; want at most 25m, 2h", longest[1], longest[0])
	}
	t.Logf("critical mail waited %v at most, others %v", longest[1], longest[0])
}
