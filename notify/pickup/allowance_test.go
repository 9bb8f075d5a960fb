package pickup

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestQuota: what a user sends beyond it waits and is told once; nothing is
// lost.
func TestQuota(t *testing.T) {
	b := newBench(t)
	b.config.MessagesPerHour = 3
	limit := 3
	if os.Geteuid() == 0 {
		limit = 3 * rootFactor
	}
	for i := range limit + 2 {
		b.drop(fmt.Sprint("m", i), "\nbody\n", "root")
	}
	b.look(limit)
	b.look(0)
	if !strings.Contains(b.log.String(), `file=m0 `) {
		t.Errorf("the log does not name the file:\n%s", b.log.String())
	}
	if left := b.names(b.config.Dir); len(left) != 2 || len(b.events) != 1 || !strings.Contains(b.events[0].Description, "messages_per_hour = 3") {
		t.Errorf("got %q left and %v", left, b.events)
	}
	b.rest = time.Time{}
	if n, err := b.Look(b.t.Context(), time.Now().Add(2*time.Hour)); n != 2 || err != nil {
		t.Errorf("after the hour: got %d, %v, want 2", n, err)
	}
	other := allowance{}
	now := testNow()
	for i := range 100 {
		if !other.room(1000, 100, now) {
			t.Fatalf("no room for message %d", i)
		}
		other.take(1000, 1, 100, now.Add(time.Duration(i)*time.Second))
	}
	if other.room(1000, 100, now.Add(59*time.Minute)) || !other.room(1001, 100, now) || !other.room(1000, 100, now.Add(time.Hour)) || !other.room(1000, 100, now.Add(-2*time.Hour)) {
		t.Error("the window of an hour does not slide, or is everybody's")
	}
}

// TestQuotaCountsRecipients: and a mail to more than an hour's worth counts for
// as many hours.
func TestQuotaCountsRecipients(t *testing.T) {
	var a allowance
	now := testNow()
	a.take(1000, 250, 100, now)
	if a.room(1000, 100, now.Add(3*time.Hour-time.Second)) || !a.room(1000, 100, now.Add(3*time.Hour)) {
		t.Error("250 recipients at 100 an hour do not count for three hours")
	}
	b := newBench(t)
	b.config.MessagesPerHour = 1
	for i := range 3 {
		b.drop(fmt.Sprint("m", i), "\nbody\n", "a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org", "f@example.org")
	}
	if os.Geteuid() == 0 {
		b.look(2) // root may send to ten: the second goes beyond it
	} else {
		b.look(1)
	}
}

// TestNumbersWithoutANameShare: a user may have thousands of them.
func TestNumbersWithoutANameShare(t *testing.T) {
	b := newBench(t)
	b.User = func(uint32) string { return "" }
	now := testNow()
	if b.payer(100_000, now) != b.payer(100_001, now) || b.payer(0, now) != 0 {
		t.Error("each has an allowance of its own")
	}
	asked := 0
	b.User = func(uid uint32) string { asked++; return fmt.Sprint("u", uid) }
	now = now.Add(time.Minute)
	first, again := b.payer(1000, now), b.payer(1000, now)
	if first != 1000 || again != 1000 || b.payer(1001, now) != 1001 || asked != 2 {
		t.Errorf("asked for two names %d times", asked)
	}
	b.config.MessagesPerHour = 1
	b.overQuota(b.config, nameless, now)
	if len(b.events) != 1 || !strings.Contains(b.events[0].Description, "all users without a name") {
		t.Errorf("got %v", b.events)
	}
}
