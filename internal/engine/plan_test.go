package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// webTree is Monit's example: a web server, an application server, a database,
// a file system.
func webTree() []Check {
	c := func(name string, on ...string) Check {
		one := Check{Kind: "p", Name: name}
		for _, n := range on {
			one.DependsOn = append(one.DependsOn, "p."+n)
		}
		return one
	}
	return []Check{c("a", "b"), c("b", "c"), c("c", "d"), c("d"), c("alone")}
}

func spellPlan(tasks []Task) string {
	var words []string
	for _, t := range tasks {
		word := string(t.Verb)
		if word == "" {
			word = "wait"
		}
		if t.Again {
			word += "-again"
		}
		if t.Lazy {
			word += "?"
		}
		words = append(words, fmt.Sprintf("%s %s", word, strings.TrimPrefix(t.Check, "p.")))
	}
	return strings.Join(words, ", ")
}

// TestMonitsSentences has a row for each sentence of Monit's manual about what
// an action does to the checks around it, in our words. a depends on b, b on c,
// c on d.
func TestMonitsSentences(t *testing.T) {
	service := Facts{Starts: true, Stops: true}
	all := map[string]Facts{"a": service, "b": service, "c": service, "d": service, "alone": service}
	with := func(changes map[string]Facts) map[string]Facts {
		facts := maps.Clone(all)
		maps.Copy(facts, changes)
		return facts
	}
	idle := Facts{Idle: true, Starts: true, Stops: true}
	tests := []struct {
		sentence string
		verb     Verb
		targets  []string
		facts    map[string]Facts
		want     string
	}{
		{"a stop reaches what depends on it first", Stop, []string{"d"}, all, "stop? a, stop? b, stop? c, stop d"},
		{"a stop leaves alone what it depends on", Stop, []string{"a"}, all, "stop a"},
		{"to read no more reaches what depends on it", Unmonitor, []string{"c"}, all, "unmonitor a, unmonitor b, unmonitor c"},
		{"a start begins with what it depends on", Start, []string{"a"}, all, "start? d, start? c, start? b, start a"},
		{"a start is of one and those below, not above", Start, []string{"c"}, all, "start? d, start c"},
		{"to read again reaches what it depends on", Monitor, []string{"a"}, with(map[string]Facts{"b": idle, "d": idle}), "monitor d, monitor b, monitor a"},
		{"none runs: the order is d, c, b, a", Start, []string{"a", "b", "c", "d"}, all, "start d, start c, start b, start a"},
		{"all run: they are stopped as a, b, c, d", Stop, []string{"d", "a", "c", "b"}, all, "stop a, stop b, stop c, stop d"},
		{"a has died: it alone is started", Restart, []string{"a"}, all, "start? d, start? c, start? b, restart a"},
		{"b has died: a is stopped, b started, then a", Restart, []string{"b"}, all, "stop-again? a, start? d, start? c, restart b, start-again? a"},
		{
			"c has died: a and b are stopped, c started, then b and a", Restart,
			[]string{"c"},
			all,
			"stop-again? a, stop-again? b, start? d, restart c, start-again? b, start-again? a",
		},
		{
			"d has died: a, b and c are stopped, d started, then c, b and a", Restart,
			[]string{"d"},
			all,
			"stop-again? a, stop-again? b, stop-again? c, restart d, start-again? c, start-again? b, start-again? a",
		},
		{
			"what was not active before a restart is not started by it", Restart,
			[]string{"c"},
			with(map[string]Facts{"a": idle}),
			"stop-again? b, start? d, restart c, start-again? b",
		},
		{
			"a file that was tampered with is stopped, and with it what runs it", Stop,
			[]string{"d"},
			with(map[string]Facts{"d": {}}),
			"stop? a, stop? b, stop? c, stop d",
		},
		{"a check of any kind may stand in between", Start, []string{"a"}, with(map[string]Facts{"b": {Idle: true}}), "start? d, start? c, monitor b, start a"},
		{"what is monitored and cannot be started is left as it is", Start, []string{"a"}, with(map[string]Facts{"b": {}}), "start? d, start? c, start a"},
		{"what cannot be stopped is only not read", Stop, []string{"d"}, with(map[string]Facts{"a": {}, "b": {Idle: true}}), "stop? a, stop? c, stop d"},
		{
			"what cannot be stopped waits in a restart", Restart,
			[]string{"c"},
			with(map[string]Facts{"a": {}}),
			"stop-again? b, start? d, restart c, start-again? b, wait a",
		},
		{
			"what can only be restarted is restarted after", Restart,
			[]string{"c"},
			with(map[string]Facts{"b": {Restarts: true}}),
			"stop-again? a, start? d, restart c, restart b, start-again? a",
		},
		{"what is by itself is alone in it", Restart, []string{"alone"}, all, "restart alone"},
		{
			"two that depend on each other are one restart", Restart,
			[]string{"b", "c"},
			with(map[string]Facts{"b": idle}),
			"stop-again? a, stop-again? b, start? d, restart c, start-again? b, start-again? a",
		},
		{"a program does not spread", Exec, []string{"d"}, all, ""},
	}
	tree := NewTree(webTree())
	for _, tt := range tests {
		var targets []string
		for _, name := range tt.targets {
			targets = append(targets, "p."+name)
		}
		got := spellPlan(Plan(tree, tt.verb, targets, func(id string) Facts { return tt.facts[strings.TrimPrefix(id, "p.")] }))
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.sentence, got, tt.want)
		}
	}
}

func TestATree(t *testing.T) {
	diamond := []Check{
		{Kind: "p", Name: "top", DependsOn: []string{"p.left", "p.right", "p.right", "p.nobody"}},
		{Kind: "p", Name: "left", DependsOn: []string{"p.ground"}},
		{Kind: "p", Name: "right", DependsOn: []string{"p.ground"}},
		{Kind: "p", Name: "ground", DependsOn: []string{"p.top"}}, // which closes a loop, and is left out
	}
	tree := NewTree(diamond)
	if got, want := tree.Below("p.top"), []string{"p.ground", "p.left", "p.right", "p.top"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := tree.Dependants("p.ground"), []string{"p.top", "p.right", "p.left"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if tree.Related("p.none") || !tree.Related("p.ground") || (Tree{}).Prerequisites("p.top") != nil {
		t.Error("who is related is wrong")
	}
	if got := (Tree{}).Above("p.x"); !slices.Equal(got, []string{"p.x"}) {
		t.Errorf("got %q", got)
	}
}
