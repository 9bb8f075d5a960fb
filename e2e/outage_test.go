//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// raised finds the ids of the events that an agent's log names.
var raised = regexp.MustCompile(`(?m)msg=event type=\w+ rule=(\S+) .*\bevent=([0-9a-f]{32})\b`)

// eventIDs are the events that logs name, each once.
func eventIDs(logs ...*transcript) []string {
	var ids []string
	for _, log := range logs {
		for _, m := range raised.FindAllStringSubmatch(log.String(), -1) {
			if !slices.Contains(ids, m[2]) {
				ids = append(ids, m[2])
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// TestOutage: three rules fail while the mail server is down, and the agent is
// killed in the middle of it. All is told when the server is back, each once.
func TestOutage(t *testing.T) {
	t.Parallel()
	outage := 8 * time.Second
	if os.Getenv("TOCSIN_FULL") == "1" {
		outage = time.Minute
	}
	ctx := deadline(t, outage+time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	server := newGate(t, address(box))
	s.rules(
		s.account("box", server.port, "implicit", box, `retry = ["1s", "2s"]`), mailTo("ops", "ops@example.com"),
		s.watchProcess("a", "1s"), s.watchProcess("b", "1s"), s.watchProcess("c", "1s"),
	)
	down := time.After(outage)
	first := s.start(ctx)
	first.log.await(ctx, t, "msg=event type=failed", 3)
	first.log.await(ctx, t, "mail server paused, its mail waits", 2)
	if !contains(s.ok(ctx, "queue", "list"), `mail server "box" is paused until`, "connection refused") {
		t.Errorf("queue list does not say why the mail waits: %q", s.ok(ctx, "queue", "list"))
	}
	first.kill()
	second := s.start(ctx)
	second.log.await(ctx, t, "mail server paused, its mail waits", 2)
	select {
	case <-down:
	case <-ctx.Done():
		t.Fatal("no end of the outage")
	}
	if n := len(box.Mails()); n != 0 {
		t.Fatalf("got %d mails through a closed gate", n)
	}
	server.open()
	up := time.Now()
	var told []letter
	for range 3 {
		told = append(told, receive(ctx, t, box))
	}
	t.Logf("the last of three mails came %s after the server", told[2].at.Sub(up))
	second.log.await(ctx, t, `msg="mail sent"`, 3)
	second.stop(ctx)

	want := eventIDs(first.log, second.log)
	if len(want) != 3 {
		t.Errorf("got events %q, want three", want)
	}
	all := letters(t, box)
	if len(all) != 3 {
		t.Errorf("got %d mails, want 3", len(all))
	}
	checkToldOnce(t, all, want, "ops@example.com")
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt != 0 {
		t.Errorf("left in the spool: %+v", l)
	}
}

// checkToldOnce fails the test unless each of the events, and no other, is in
// exactly one mail to recipient.
func checkToldOnce(t *testing.T, all []letter, events []string, recipient string) {
	t.Helper()
	checkCopies(t, all)
	where := tally(all)
	for _, id := range events {
		if mails := where[placement{id, recipient}]; len(mails) != 1 {
			t.Errorf("event %s is in %d mails to %s, want 1: %q", id, len(mails), recipient, mails)
		}
	}
	for p := range where {
		if p.recipient == recipient && !slices.Contains(events, p.event) {
			t.Errorf("event %s was told to %s and never raised", p.event, recipient)
		}
	}
}
