package checks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func watchedSleep(t *testing.T) (*os.Process, *processReader) {
	t.Helper()
	child, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Kill(); _, _ = child.Wait() })
	path := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(path, []byte(strconv.Itoa(child.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := openProcess(NewHost(""), Spec{Name: "sleep", Attributes: map[string]string{"pidfile": path}, Metrics: map[string]bool{"exists": true}})
	if err != nil {
		t.Fatal(err)
	}
	return child, reader.(*processReader)
}

func exists(t *testing.T, r *processReader) bool {
	t.Helper()
	reading, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reading.Values["exists"].Truth()
}

// TestAlertAtTheEndOfAProcess: also before anybody has waited for it.
func TestAlertAtTheEndOfAProcess(t *testing.T) {
	child, r := watchedSleep(t)
	if r.Alert() != nil {
		t.Error("there is something to wait for before the first reading")
	}
	if !exists(t, r) {
		t.Fatal("the process is not there")
	}
	wait := r.Alert()
	if wait == nil {
		t.Fatal("there is nothing to wait for")
	}
	done := make(chan error, 1)
	go func() { done <- wait(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("alerted while it runs: %v", err)
	default:
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("got %v at the end of the process", err)
	}
	if exists(t, r) || r.Alert() != nil {
		t.Error("a zombie is taken for a process that runs")
	}
}

func TestAlertEndsWithItsContext(t *testing.T) {
	_, r := watchedSleep(t)
	if !exists(t, r) {
		t.Fatal("the process is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait := r.Alert()
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

// TestNoAlertForAnotherProcess: the number may be another's by now.
func TestNoAlertForAnotherProcess(t *testing.T) {
	_, r := watchedSleep(t)
	if !exists(t, r) {
		t.Fatal("the process is not there")
	}
	r.last.start++
	if r.Alert() != nil {
		t.Error("waits for a process that was not read")
	}
}
