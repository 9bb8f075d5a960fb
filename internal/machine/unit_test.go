package machine

import (
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/systemd"
)

func TestUnits(t *testing.T) {
	h := newHost(t)
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	known := failures{}
	event := func(unit, invocation string, failed bool) systemd.UnitEvent {
		at = at.Add(time.Second)
		return systemd.UnitEvent{Unit: unit, Failed: failed, Result: "exit-code", ExitCode: "exited", ExitStatus: 3, InvocationID: invocation, At: at, Description: "A unit"}
	}
	steps := []struct {
		name    string
		event   systemd.UnitEvent
		changed bool
	}{
		{"fails", event("a.service", "aa", true), true},
		{"is looked at again", event("a.service", "aa", true), false},
		{"another one", event("b.mount", "bb", true), true},
		{"one that is gone already", event("run-1.service", "", true), false},
		{"and once more", event("run-1.service", "", true), false},
		{"of no interest", event("boring-1.service", "cc", true), false},
		{"fails in another run", event("a.service", "dd", true), true},
		{"recovers", event("a.service", "dd", false), true},
		{"was never told", event("c.service", "ee", false), false},
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, tt := range steps {
		if got := m.unit(t.Context(), &wg, known, tt.event); got != tt.changed {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.changed)
		}
	}
	wants(t, s, "failed: failed with result exit-code, exit status 3", "failed: failed", "failed: failed", "failed: failed", "failed: failed", "recovered: active again")
	events, err := s.Events()
	if err != nil {
		t.Fatal(err)
	}
	incidents := map[string]int{}
	for _, ev := range events {
		incidents[ev.Incident]++
		if ev.Kind != "unit" || ev.Rule != "unit" || ev.Since.IsZero() {
			t.Errorf("got %+v", ev)
		}
	}
	for _, ev := range events {
		if ev.Type == tocsin.Recovered && (ev.Mark == nil || len(ev.Mark.Notified) == 0 || len(ev.Mark.Terms) != 1) {
			t.Errorf("got %+v, want in it who was told of the failure, and how", ev)
		}
	}
	if len(incidents) != 5 {
		t.Errorf("got %d incidents of 5", len(incidents))
	}
	known.forget(map[string]string{"b.mount": "bb"}, "")
	// What was told survives a restart, and a damaged file costs a mail at most.
	if err := m.saveFailures(known); err != nil {
		t.Fatal(err)
	}
	again, err := readFailures(m.failuresPath())
	if err != nil || len(again) != 1 || again["b.mount"].Incident == "" {
		t.Errorf("got %v, %v", again, err)
	}
	h.file("units.json", "{")
	if again, err = readFailures(m.failuresPath()); err == nil || len(again) != 0 {
		t.Errorf("got %v, %v of a damaged file", again, err)
	}
}

func TestAFailureIsToldInFull(t *testing.T) {
	e := systemd.UnitEvent{
		Unit: "web.service", Failed: true, Result: "signal", ExitCode: "dumped", ExitStatus: 11, Restarts: 4,
		InvocationID: "aa", Description: "The web", At: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	}
	ev := UnitFailed("web-1", e, []string{"12:00:00 web: out of order"})
	want := "failed with result signal, dumped by signal 11, after 4 restarts\nThe web\n\nLast lines:\n  12:00:00 web: out of order"
	if ev.Description != want {
		t.Errorf("got\n%s\nwant\n%s", ev.Description, want)
	}
	if gone := UnitFailed("web-1", systemd.UnitEvent{Unit: "web.service", NotFound: true}, nil); gone.Description != "failed; systemd knows no unit of that name, or no more" {
		t.Errorf("got %q", gone.Description)
	}
	if other := UnitFailed("web-1", systemd.UnitEvent{Unit: "web.service", InvocationID: "bb"}, nil); other.ID == ev.ID || other.Incident == ev.Incident {
		t.Error("two runs have one id")
	}
	if r := UnitRecovered("web-1", "web.service", ev.Incident, ev.Since, ev.Since); r.Incident != ev.Incident || r.ID == ev.ID || !strings.Contains(r.Description, "active") {
		t.Errorf("got %+v", r)
	}
}
