package notify

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/provider"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// stormEvents is how many events the simulated day has. The whole one, 100,000,
// is run by make bench.
var stormEvents = flag.Int("storm", 5_000, "events of the simulated day")

// gmail is what Google publishes (support.google.com/a/answer/166852): the
// preset must stay within it.
const (
	gmailDay     = 500
	gmailMessage = 100
)

// The longest waits for a mail of a storm to one recipient, whatever happened
// before.
const (
	criticalDeadline = 25 * time.Minute
	otherDeadline    = 3 * time.Hour
)

// storm is the state of a simulated day.
type storm struct {
	*post
	r        *rand.Rand
	queued   map[string]time.Time
	critical map[string]bool
	restarts int
}

// TestStorm simulates a day of many events against the preset of Gmail, with
// restarts at random moments: the limits of the provider hold, every event is
// in exactly one mail, and none waits longer than its deadline.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		preset, ok := provider.Find("gmail")
		if !ok {
			t.Fatal("there is no preset of Gmail")
		}
		s := newStorm(t, preset.Limit)
		day := time.Now().Add(24 * time.Hour)
		for i := range *stormEvents {
			s.event()
			if s.r.IntN(*stormEvents/20+1) == 0 {
				s.stop()
				s.start()
				s.restarts++
			}
			left := time.Until(day) / time.Duration(*stormEvents-i)
			if s.r.IntN(100) > 0 { // bursts of a hundred
				left = 0
			} else {
				left *= 100
			}
			time.Sleep(left)
		}
		s.after(48 * time.Hour)
		s.idle()
		s.verify()
		s.stop()
	})
}

func newStorm(t *testing.T, limit quota.Limit) *storm {
	// The disk is not what is simulated; /dev/shm is one that takes no time.
	if dir, err := os.MkdirTemp("/dev/shm", "storm"); err == nil { //nolint:usetesting // elsewhere than t.TempDir
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		t.Setenv("TMPDIR", dir)
	}
	s := &storm{post: newPost(t, limit, "one"), r: rand.New(rand.NewPCG(5, 6)), queued: map[string]time.Time{}, critical: map[string]bool{}}
	s.setup.Mails[0].To = s.setup.Mails[0].To[:1]
	s.stop()
	s.start()
	return s
}

// event is one of two hundred rules that fails or recovers; one in two hundred
// is critical.
func (s *storm) event() {
	s.t.Helper()
	severity := tocsin.Warning
	if s.r.IntN(200) == 0 {
		severity = tocsin.Critical
	}
	s.n++
	id, now := fmt.Sprintf("%032x", s.n), time.Now()
	ev := &tocsin.Event{
		ID: id, Type: []tocsin.EventType{tocsin.Failed, tocsin.Recovered}[s.r.IntN(2)], Host: "web-1.example.com", Kind: "process",
		Check: fmt.Sprintf("service-%d", s.r.IntN(200)), Rule: "down", Severity: severity, At: now, Since: now, Description: "process is not running",
	}
	item := spool.Item{ID: id, Queued: now, Severity: severity, Event: ev, Targets: []spool.Target{s.setup.Mails[0].target(&tocsin.Event{}, 0)}}
	if err := s.Spool.Put(item); err != nil {
		s.t.Fatal(err)
	}
	s.queued[id], s.critical[id] = now, severity == tocsin.Critical
}

func (s *storm) verify() {
	s.t.Helper()
	mails := s.servers["one"].mails()
	told := map[string]bool{}
	var longest [2]time.Duration
	most, from, inDay := 0, 0, 0
	for i, m := range mails {
		inDay += len(m.to)
		for m.at.Sub(mails[from].at) > 24*time.Hour {
			inDay -= len(mails[from].to)
			from++
		}
		most = max(most, inDay)
		if inDay > gmailDay || len(m.to) > gmailMessage {
			s.t.Fatalf("mail %d: %d recipients in a day, %d in a message", i, inDay, len(m.to))
		}
		for _, id := range m.events() {
			if told[id] {
				s.t.Errorf("event %s is in two mails", id)
			}
			told[id] = true
			c := class(s.critical[id])
			longest[c] = max(longest[c], m.at.Sub(s.queued[id]))
		}
	}
	if len(told) != len(s.queued) {
		s.t.Errorf("%d of %d events were told", len(told), len(s.queued))
	}
	if longest[1] > criticalDeadline || longest[0] > otherDeadline {
		s.t.Errorf("critical events waited %v, others %v; want at most %v, %v", longest[1], longest[0], criticalDeadline, otherDeadline)
	}
	sizes := make([]int, 0, len(mails))
	for _, m := range mails {
		sizes = append(sizes, len(m.data))
	}
	s.t.Logf("%d events in %d mails, at most %d recipients in 24 h and %d KiB a mail; the longest wait was %v, of critical events %v; %d restarts",
		len(told), len(mails), most, slices.Max(sizes)>>10, longest[0].Round(time.Second), longest[1].Round(time.Second), s.restarts)
}
