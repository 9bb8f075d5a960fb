package spool_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tocsin/notify/spool"
)

func TestEventsSince(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2), item(3))
	for n, written := range map[int]time.Time{1: noon().Add(-time.Hour), 2: noon().Add(-time.Second), 3: noon().Add(time.Hour)} {
		if err := os.Chtimes(filepath.Join(dir, "queue", item(n).ID+".item"), written, written); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		since time.Time
		want  int
	}{
		"all": {time.Time{}, 3}, "what may be of that second": {noon(), 2}, "later": {noon().Add(30 * time.Minute), 1}, "none": {noon().Add(2 * time.Hour), 0},
	} {
		events, err := spool.Events(dir, tt.since)
		if err != nil || len(events) != tt.want {
			t.Errorf("%s: got %d events, %v, want %d", name, len(events), err, tt.want)
		}
		if mine, err := s.EventsSince(tt.since); err != nil || len(mine) != tt.want {
			t.Errorf("%s: got %d events of the spool, %v, want %d", name, len(mine), err, tt.want)
		}
	}
}
