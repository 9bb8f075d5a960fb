//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestLimit: forty rules fail at once where five recipients a minute are
// allowed, and the agent is killed after the first mail and after the third.
// No minute, however it is placed, has more than five recipients, and every
// event is told once.
func TestLimit(t *testing.T) {
	t.Parallel()
	for name, to := range map[string][]string{
		"one recipient": {"ops@example.com"},
		// Five is no multiple of two: some mails go in two transactions.
		"two recipients": {"ops@example.com", "boss@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limited(t, to)
		})
	}
}

func limited(t *testing.T, to []string) {
	const rules, most = 40, 5
	ctx := deadline(t, 4*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{Mode: postbox.StartTLS})
	blocks := []string{
		s.account("box", box.Port(), "starttls", box, "limit {\n    recipients_per_minute = 5\n    messages_per_minute = 100\n  }"),
		mailTo("ops", to...),
	}
	for i := range rules {
		blocks = append(blocks, s.watchProcess(fmt.Sprintf("p%02d", i), "1s"))
	}
	s.rules(blocks...)

	begun := time.Now()
	first := s.start(ctx)
	receive(ctx, t, box)
	first.kill()
	second := s.start(ctx)
	told := func() bool { return len(tally(letters(t, box))) == rules*len(to) }
	for range 2 {
		if !told() { // where the disk is slow, the second mail has all the rest
			receive(ctx, t, box)
		}
	}
	second.kill()
	third := s.start(ctx)
	third.log.await(ctx, t, "agent started", 1)
	for !told() {
		receive(ctx, t, box)
	}
	third.stop(ctx)

	all := letters(t, box)
	events := eventIDs(first.log, second.log, third.log)
	if len(events) != rules {
		t.Errorf("got %d events, want %d", len(events), rules)
	}
	for _, recipient := range to {
		checkToldOnce(t, all, events, recipient)
	}
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt != 0 {
		t.Errorf("left in the spool: %+v", l)
	}
	accepted := box.Recipients()
	for i := range max(0, len(accepted)-most) {
		if span := accepted[i+most].At.Sub(accepted[i].At); span <= time.Minute {
			t.Errorf("recipients %d to %d came within %s, more than %d a minute", i, i+most, span, most)
		}
	}
	t.Logf("%d events to %d recipients in %d mails, %d RCPT, %s", rules, len(to), len(all), len(accepted), time.Since(begun).Round(time.Second))
}
