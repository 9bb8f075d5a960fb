package checks_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/checks"
)

// ownFigures is an agent that knows everything of itself.
func ownFigures(context.Context, func(...string) bool) (map[string]tocsin.Value, error) {
	now := time.Now()
	return checks.OwnFigures{Now: now, Started: now.Add(-time.Hour), Delivered: now.Add(-time.Minute), Size: 100, Free: 25, Badmail: 2}.Values(), nil
}

// TestSelfIsOfTheRunningAgent: a command beside the agent says that it is none.
func TestSelfIsOfTheRunningAgent(t *testing.T) {
	kind, _ := checks.Find("self")
	r, err := kind.Open(checks.NewHost(""), checks.Spec{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "only the running agent") {
		t.Errorf("got %v", err)
	}
	host := checks.NewHost("")
	host.Own = ownFigures
	if r, err = kind.Open(host, checks.Spec{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	got, err := r.Read(t.Context())
	if err != nil || len(got.Values) != len(kind.Metrics) {
		t.Fatalf("got %d values of %d, %v", len(got.Values), len(kind.Metrics), err)
	}
	for metric, want := range map[string]float64{"badmail": 2, "disk.percent": 75, "disk.free": 25, "mail.age": 60, "uptime": 3600} {
		if f := got.Values.Of(metric).Float(); f != want {
			t.Errorf("%s: got %v, want %v", metric, f, want)
		}
	}
	if got.Values.Of("memory.rss").Float() < 1<<20 || got.Values.Of("fds.open").Float() < 3 || got.Values.Of("goroutines").Float() < 1 {
		t.Errorf("got %v", got.Values)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if more, err := r.Read(t.Context()); err != nil || more.Values.Of("fds.open").Float() != got.Values.Of("fds.open").Float()+1 {
		t.Errorf("got %v open files with one more than %v, %v", more.Values.Of("fds.open"), got.Values.Of("fds.open"), err)
	}
	before := checks.OwnFigures{Now: time.Now(), Started: time.Now().Add(time.Hour)}.Values()
	if _, known := before["mail.age"]; known || before["uptime"].Float() != 0 {
		t.Errorf("got %v", before)
	}
}
