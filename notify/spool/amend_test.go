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
