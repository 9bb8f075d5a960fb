package checks

import (
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
	reader, err := openProcess(NewHost(""), Spec{Name: "sleep", Attributes: attributesOf(map[string]string{"pidfile": path}), Metrics: map[string]bool{"exists": true}})
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
	return reading.Values.Of("exists").Truth()
}

// TestAlertAtTheEndOfAProcess: also before anybody has waited for it.
func TestAlertAtTheEndOfAProcess(t *testing.T) {
	child, r := watchedSleep(t)
	if r.Listen(nil) != nil {
		t.Error("there is something to wait for before the first reading")
	}
	if !exists(t, r) {
		t.Fatal("the process is not there")
	}
	done := make(chan error, 1)
	stop := r.Listen(func(err error) { done <- err })
	if stop == nil {
		t.Fatal("there is nothing to wait for")
	}
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
	stop() // does no harm
	if exists(t, r) || r.Listen(nil) != nil {
		t.Error("a zombie is taken for a process that runs")
	}
}

// TestManyListen: each hears of its own process, those that stop hear nothing,
// and nothing is open when nobody listens any more.
func TestManyListen(t *testing.T) {
	child, r := watchedSleep(t)
	others := make([]*processReader, 3)
	host, ended := r.host, make(chan *processReader, 10)
	var stops []func()
	for i := range others {
		_, other := watchedSleep(t)
		other.host, others[i] = host, other
		if !exists(t, other) {
			t.Fatal("the process is not there")
		}
		stops = append(stops, other.Listen(func(error) { ended <- other }))
	}
	if !exists(t, r) || r.Listen(func(error) { ended <- r }) == nil {
		t.Fatal("the process is not listened to")
	}
	stops[0]()
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got != r {
		t.Error("told of a process that runs")
	}
	host.exits.mu.Lock()
	if n := len(host.exits.waits); n != 2 {
		t.Errorf("got %d that listen, want 2", n)
	}
	host.exits.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	host.exits.mu.Lock()
	defer host.exits.mu.Unlock()
	if len(host.exits.waits) != 0 || host.exits.epoll != nil || len(ended) != 0 {
		t.Errorf("got %d that listen and %d that were told, want none", len(host.exits.waits), len(ended))
	}
}

// TestNoAlertForAnotherProcess: the number may be another's by now.
func TestNoAlertForAnotherProcess(t *testing.T) {
	_, r := watchedSleep(t)
	if !exists(t, r) {
		t.Fatal("the process is not there")
	}
	r.last.start++
	if r.Listen(nil) != nil {
		t.Error("waits for a process that was not read")
	}
}
