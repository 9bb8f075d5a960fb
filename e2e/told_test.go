//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestTold: a failure goes to ops and, as it lasts, to the boss, over a kill of
// the agent; then a restart brings other routes, and its end goes to these two
// all the same, and to nobody else.
func TestTold(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	base := []string{
		s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), mailTo("boss", "boss@example.com"),
		mailTo("new", "new@example.com"), s.watchProcess("a", "1s"),
	}
	s.rules(append(base, "route {\n  notify = [mail.ops]\n  escalate {\n    after  = \"3s\"\n    notify = [mail.boss]\n  }\n}\n")...)
	first := s.start(ctx)
	told := []letter{receive(ctx, t, box)}
	first.log.await(ctx, t, `msg="mail sent"`, 1)
	first.kill()
	second := s.start(ctx)
	told = append(told, receive(ctx, t, box))
	second.stop(ctx)
	s.rules(append(base, "route {\n  notify = [mail.new]\n}\n")...)
	third := s.start(ctx)
	startChild(t, s.path("a.pid"))
	told = append(told, receive(ctx, t, box), receive(ctx, t, box))
	third.stop(ctx)

	var got []string
	for _, l := range told {
		got = append(got, l.header.Get("X-Tocsin-State")+" "+strings.Join(l.to, " "))
	}
	slices.Sort(got[2:])
	want := []string{"failed ops@example.com", "escalation boss@example.com", "recovered boss@example.com", "recovered ops@example.com"}
	if !slices.Equal(got, want) || len(box.Mails()) != len(want) {
		t.Errorf("got %q of %d mails, want %q", got, len(box.Mails()), want)
	}
	if !strings.HasPrefix(told[1].text, "STILL FAILED for ") || told[1].subject != told[0].subject {
		t.Errorf("got an escalation %q: %.200s, want one in the thread of %q", told[1].subject, told[1].text, told[0].subject)
	}
}
