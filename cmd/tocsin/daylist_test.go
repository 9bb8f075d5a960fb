package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"tocsin"
)

// judge holds the mails against what was made.
func (d *day) judge(t *testing.T, spells map[string]spell) {
	t.Helper()
	in := map[string][]time.Time{}
	for _, m := range d.mails {
		for _, id := range m.events {
			in[id] = append(in[id], m.at)
		}
		if m.at.After(d.at("13:00")) && m.at.Before(d.at("15:00")) {
			t.Errorf("a mail went through a dead server at %s", m.at)
		}
	}
	failed, silenced := 0, map[string]int{}
	for id, ev := range d.events {
		var over []string
		for name, s := range spells {
			if !ev.At.Before(s.from) && ev.At.Before(s.told) && s.about.Covers(ev.Kind, ev.Check, ev.Groups) {
				over = append(over, name)
				silenced[name]++
			}
		}
		switch {
		case ev.Type == tocsin.Reminder && len(over) > 0:
			if len(in[id]) != 0 {
				t.Errorf("%s of %s at %s was told although it was silenced", ev.Type, ev.Check, ev.At)
			}
			continue
		case len(in[id]) != 1:
			t.Errorf("%s of %s at %s is in %d mails", ev.Type, ev.Check, ev.At, len(in[id]))
			continue
		case len(over) == 1 && !in[id][0].Equal(spells[over[0]].told):
			t.Errorf("%s of %s at %s was told at %s, want the end of %s", ev.Type, ev.Check, ev.At, in[id][0], over[0])
		}
		switch ev.Type {
		case tocsin.Failed:
			failed++
		case tocsin.Recovered:
			failed--
		}
	}
	if failed != 0 {
		t.Errorf("%d failures more than recoveries were told", failed)
	}
	for name, s := range spells {
		mails := 0
		for _, m := range d.mails {
			if m.at.Equal(s.told) && slices.ContainsFunc(m.events, func(id string) bool {
				ev := d.events[id]
				return s.about.Covers(ev.Kind, ev.Check, ev.Groups) && ev.At.Before(s.told)
			}) {
				mails++
			}
		}
		if mails != 1 || silenced[name] == 0 {
			t.Errorf("%d events of silence %s went in %d mails, want one", silenced[name], name, mails)
		}
	}
}

// compare compares the mails with the list.
func (d *day) compare(t *testing.T) {
	t.Helper()
	var lines []string
	for _, m := range d.mails {
		var parts []string
		for _, id := range m.events {
			ev := d.events[id]
			parts = append(parts, ev.Check+" "+string(ev.Type))
		}
		slices.Sort(parts)
		lines = append(lines, m.at.Sub(d.midnight).Round(time.Second).String()+": "+strings.Join(parts, ", "))
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		x, _ := time.ParseDuration(a[:strings.Index(a, ":")])
		y, _ := time.ParseDuration(b[:strings.Index(b, ":")])
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	})
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "day.golden")
	if *updateDay {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(string(want), got); d != "" {
		t.Errorf("mails (-want +got):\n%s", d)
	}
}
