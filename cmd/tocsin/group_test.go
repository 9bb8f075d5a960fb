package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/control"
	"tocsin/internal/engine"
)

func TestMembersOf(t *testing.T) {
	all := []control.Check{
		{Kind: "process", Name: "web", Groups: []string{"shop", "front"}},
		{Kind: "process", Name: "db", Groups: []string{"shop"}},
		{Kind: "system", Name: "here"},
	}
	for _, tt := range []struct {
		groups []string
		want   string
		err    string
	}{
		{[]string{"shop"}, "process.web process.db", ""},
		{[]string{"front", "shop"}, "process.web process.db", ""},
		{[]string{"shops"}, "", `no group "shops"; there is front, shop`},
	} {
		got, err := membersOf(all, tt.groups)
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%q: got %q, %v", tt.groups, got, err)
		}
	}
	if _, err := membersOf(all[2:], []string{"shop"}); err == nil || err.Error() != `no group "shop": no check has groups` {
		t.Errorf("got %v", err)
	}
}

// TestAHeldFailureIsShown with its cause, and is not fine.
func TestAHeldFailureIsShown(t *testing.T) {
	since := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	held := engine.RuleState{Held: engine.Held{Since: since, Cause: "filesystem.data/gone"}}
	got := checkState(engine.CheckStatus{Kind: "process", Name: "db", DependsOn: []string{"filesystem.data"}, Warm: true, Rules: []engine.RuleStatus{
		{Name: "data"},
		{Name: "slow", Says: engine.False},
		{Name: "down", Severity: tocsin.Critical, Says: engine.True, Description: "process is not running", State: held},
	}}, nil)
	if got.State != control.Held || !notFine(got) || !got.Since.Equal(since) || got.What != "held behind filesystem.data/gone; down: process is not running" || !slices.Contains(got.DependsOn, "filesystem.data") {
		t.Errorf("got %+v", got)
	}
	held.Held.Over = since.Add(time.Hour)
	got = checkState(engine.CheckStatus{Rules: []engine.RuleStatus{{Name: "data"}, {Name: "down", Says: engine.False, State: held}}}, nil)
	if got.State != control.OK {
		t.Errorf("when it is over: got %+v", got)
	}
}
