package spool_test

import (
	"testing"
	"time"

	"tocsin/notify/spool"
)

func TestAmend(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	held := item(1)
	held.Targets[0].Hold = time.Minute
	if err := s.Put(held); err != nil {
		t.Fatal(err)
	}
	whole := item(1)
	event := *whole.Event
	event.Description = "with what a program printed"
	whole.Event = &event
	if err := s.Amend(whole); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*spool.Spool{s, open(t, dir)} {
		if got, _ := s.Item(whole.ID); got.Event.Description != event.Description || got.Targets[0].Hold != 0 {
			t.Errorf("got %q held for %s, want the whole event at once", got.Event.Description, got.Targets[0].Hold)
		}
	}
	// What is in a mail stays what it was, and what is unknown stays unknown.
	compose(t, s, whole)
	if err := s.Amend(held); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Item(whole.ID); got.Event.Description != event.Description {
		t.Errorf("got %q: an item changed after its mail was made", got.Event.Description)
	}
	if err := s.Amend(item(2)); err != nil {
		t.Fatal(err)
	}
	if _, known := s.Item(item(2).ID); known {
		t.Error("an item that was never put is in the queue")
	}
}

// TestOtherTargets: a reload gave the routes of an event another shape between
// the moment it was put or held and the one it was amended or put again.
func TestOtherTargets(t *testing.T) {
	second := spool.Target{Notifier: "boss", Addresses: []string{"c@x"}}
	more := func() spool.Item {
		i := item(1)
		i.Targets = append(i.Targets, second)
		return i
	}
	for name, again := range map[string]func(s *spool.Spool) error{
		"amended": func(s *spool.Spool) error {
			if err := s.Put(item(1)); err != nil {
				return err
			}
			return s.Amend(more())
		},
		"put again": func(s *spool.Spool) error {
			if err := s.Hold(item(1)); err != nil {
				return err
			}
			return s.Put(more())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if err := again(s); err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, w := range s.Waiting() {
				if want := (spool.Waiting{Item: w.Item, Target: w.Target}).ID(); w.ID() != want {
					t.Errorf("%s has the id %q, want %q", w.Target.Notifier, w.ID(), want)
				}
				ids[w.ID()] = true
			}
			if len(ids) != 2 {
				t.Errorf("%d targets wait, want 2", len(ids))
			}
		})
	}
}
