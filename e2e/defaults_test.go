//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/control"
	"tocsin/internal/postbox"
)

// TestDefaults runs the agent with nothing but an account and an address: every
// check of the defaults is read several times, and on a machine that works none
// of them fails. Their rules wait for minutes, so a busy machine is no failure.
func TestDefaults(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	agent := strings.Replace(s.agentBlock(), "defaults = false", "defaults = true", 1)
	s.write("tocsin.hcl", agent+s.account("box", box.Port(), "implicit", box, unlimited)+mailTo("ops", "ops@example.com"))
	a := s.start(ctx)
	a.log.await(ctx, t, "no check block in the rule file: the built-in checks are in force", 1)
	var status control.Status
	poll(ctx, t, "five cycles", func() bool {
		status = control.Status{}
		o := s.tocsin(ctx, "", "status", "--json")
		return json.Unmarshal([]byte(o.stdout), &status) == nil && status.Now.Sub(status.Started) > 5*time.Second &&
			!slices.ContainsFunc(status.Checks, func(c control.Check) bool { return c.Read.IsZero() })
	})
	kinds := map[string]int{}
	for _, c := range status.Checks {
		kinds[c.Kind]++
		if c.Error != "" || len(c.Errors) > 0 || c.State == control.Failed || c.State == control.NoData {
			t.Errorf("%s %s: got %s, %s, want it fine", c.Kind, c.Name, c.State, c.What)
		}
	}
	if kinds["system"] == 0 || kinds["filesystem"] == 0 {
		t.Errorf("got checks %v, want the machine and its file systems", kinds)
	}
	a.stop(ctx)
	for _, m := range box.Mails() {
		if l := parse(t, m); l.header.Get("X-Tocsin-State") == string(tocsin.Failed) {
			t.Errorf("got a mail about %s, want none of a failure", l.header.Get("X-Tocsin-Rule"))
		}
	}
}
