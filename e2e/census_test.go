//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
)

// agePerKills is after how many kills what was sent is made old.
const agePerKills = 10

// census is what was ever found in a spool, looked at whenever its agent was
// dead. An event is acknowledged when it is found.
type census struct {
	t      *testing.T
	dir    string
	event  map[string]*tocsin.Event // by id; nil for a message
	flight map[string]int           // by Message-ID: the kills that left the mail unfinished
	mailID map[string]string        // by file name: Message-ID
	young  []string                 // of sent/ and not made old yet
	taken  int
}

func newCensus(t *testing.T, dir string) *census {
	return &census{
		t: t, dir: dir, event: make(map[string]*tocsin.Event),
		flight: make(map[string]int), mailID: make(map[string]string),
	}
}

// take looks at the spool after a kill.
func (c *census) take() {
	c.t.Helper()
	for _, sub := range []string{"queue", "sent"} {
		for _, name := range c.list(sub, ".item") {
			path := filepath.Join(c.dir, sub, name+".item")
			if _, known := c.event[name]; !known {
				c.event[name] = c.readEvent(path)
			}
			if sub == "queue" && c.event[name] == nil {
				// A message has no other file while it goes out for the first
				// time.
				if c.mailID[name] == "" {
					c.mailID[name] = c.readMessageID(path)
				}
				c.flight[c.mailID[name]]++
			}
		}
	}
	for _, name := range c.list("mail", ".mail") {
		if c.mailID[name] == "" {
			c.mailID[name] = c.readMessageID(filepath.Join(c.dir, "mail", name+".mail"))
		}
		c.flight[c.mailID[name]]++
	}
	for _, sub := range []string{"badmail", "corrupt"} {
		if bad := c.list(sub, ""); len(bad) > 0 {
			c.t.Errorf("found in %s: %q", sub, bad)
		}
	}
	if c.taken++; c.taken%agePerKills == 0 {
		c.age()
	}
}

// age makes what was sent long ago older than the agent keeps it, as if the
// test took days: its start reads what it keeps.
func (c *census) age() {
	c.t.Helper()
	old := time.Now().Add(-time.Hour)
	for _, name := range c.young {
		_ = os.Chtimes(filepath.Join(c.dir, "sent", name), old, old) // it may be gone
	}
	c.young = c.list("sent", "")
}

// list names the files in a directory of the spool with the ending ext,
// without it.
func (c *census) list(sub, ext string) []string {
	c.t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.dir, sub))
	must(c.t, err)
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ext); ok && !strings.HasPrefix(name, ".tmp-") {
			names = append(names, name)
		}
	}
	return names
}

// readEvent is the event of an item: the second line of the file is JSON.
func (c *census) readEvent(path string) *tocsin.Event {
	c.t.Helper()
	lines := bytes.SplitN([]byte(readFile(c.t, path)), []byte{'\n'}, 3)
	var item struct{ Event *tocsin.Event }
	if len(lines) != 3 {
		c.t.Fatalf("%s: %d lines", path, len(lines))
	}
	must(c.t, json.Unmarshal(lines[1], &item))
	return item.Event
}

var messageID = regexp.MustCompile(`(?m)^Message-ID: (\S+)\r$`)

func (c *census) readMessageID(path string) string {
	c.t.Helper()
	m := messageID.FindStringSubmatch(readFile(c.t, path))
	if m == nil {
		c.t.Fatalf("%s has no Message-ID", path)
	}
	return m[1]
}

// events are the ids of all events.
func (c *census) events() []string {
	var ids []string
	for id, ev := range c.event {
		if ev != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// killsInFlight is how many kills left a mail unfinished.
func (c *census) killsInFlight(id string) int { return c.flight[id] }

// checkTransitions fails the test unless the events of each rule are numbered
// without a gap and without two of one number, all of one epoch, and fail and
// recover by turns.
func (c *census) checkTransitions() {
	c.t.Helper()
	byRule := make(map[string][]*tocsin.Event)
	epochs := make(map[string]bool)
	for _, ev := range c.event {
		if ev != nil {
			byRule[ev.RuleID()] = append(byRule[ev.RuleID()], ev)
			epochs[ev.Mark.Epoch] = true
		}
	}
	if len(epochs) > 1 {
		c.t.Errorf("got the epochs %q, want one: the state was lost", slices.Collect(maps.Keys(epochs)))
	}
	for rule, events := range byRule {
		slices.SortFunc(events, func(a, b *tocsin.Event) int { return int(a.Mark.Transition) - int(b.Mark.Transition) })
		for i, ev := range events {
			if ev.Mark.Transition != uint64(i+1) || ev.Mark.Failed != (i%2 == 0) || (ev.Type == tocsin.Failed) != ev.Mark.Failed {
				c.t.Errorf("%s: event %d of %d is transition %d, %s (failed: %t)", rule, i+1, len(events), ev.Mark.Transition, ev.Type, ev.Mark.Failed)
				break
			}
		}
	}
}
