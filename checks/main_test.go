package checks

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin"
)

// childMark makes the test binary a process to be watched: it says that it is
// ready and ends with its standard input. It stands on the command line, for
// tests that match.
const childMark = "watched-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], childMark) {
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	m.Run()
}

// startChild starts a process to be watched and waits until it is ready.
func startChild(t *testing.T, mark string) *os.Process {
	t.Helper()
	in, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	output, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child, err := os.StartProcess(name, []string{name, mark}, &os.ProcAttr{Files: []*os.File{in, out, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() {
		input.Close()
		output.Close()
		_ = child.Kill()
		_, _ = child.Wait()
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v from the child, want ready", line, err)
	}
	return child
}

// fixtures is testdata/proc, as an absolute path.
func fixtures(tb testing.TB) string {
	tb.Helper()
	path, err := filepath.Abs("testdata/proc")
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// fixtureHost is a host whose clock stands at 100 s after boot until the test
// moves it.
func fixtureHost(tb testing.TB, proc string) (*Host, *atomic.Int64) {
	tb.Helper()
	now := new(atomic.Int64)
	now.Store(int64(100 * time.Second))
	h := NewHost(proc)
	h.sinceUp = func() time.Duration { return time.Duration(now.Load()) }
	return h, now
}

// copyFixtures copies testdata/proc, for tests that change it.
func copyFixtures(tb testing.TB) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "proc")
	if err := os.CopyFS(to, os.DirFS(fixtures(tb))); err != nil {
		tb.Fatal(err)
	}
	return to
}

// write replaces a file.
func write(tb testing.TB, text string, path ...string) string {
	tb.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return name
}

// statLine is the text of /proc/PID/stat of a process.
type statLine struct {
	pid, parent             int
	comm                    string
	state                   string
	ticks, reaped, start    int
	flags, threads, signal  int
	virtual, residentInPage int
}

func (s statLine) String() string {
	if s.state == "" {
		s.state = "S"
	}
	if s.threads == 0 {
		s.threads = 1
	}
	if s.signal == 0 {
		s.signal = 17
	}
	return fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 %d 0 0 0 0 %d 0 %d 0 20 0 %d 0 %d %d %d 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 %d 0 0 0\n",
		s.pid, s.comm, s.state, s.parent, s.flags, s.ticks, s.reaped, s.threads, s.start, s.virtual, s.residentInPage, s.signal)
}

// attributesOf is a map as attributes, by their names.
func attributesOf(of map[string]string) tocsin.Attributes {
	var all tocsin.Attributes
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, tocsin.Attribute{Name: name, Value: of[name]})
	}
	return all
}

// open makes a reader of a kind or fails the test.
func open(tb testing.TB, h *Host, kind string, attributes map[string]string, metrics ...string) Reader {
	tb.Helper()
	k, found := Find(kind)
	if !found {
		tb.Fatalf("got no kind %q", kind)
	}
	spec := Spec{Name: "test", Attributes: attributesOf(attributes)}
	for _, name := range metrics {
		if spec.Metrics == nil {
			spec.Metrics = map[string]bool{}
		}
		spec.Metrics[name] = true
	}
	r, err := k.Open(h, spec)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// read is the next reading of a reader, which must have no error.
func read(tb testing.TB, r Reader) tocsin.Reading {
	tb.Helper()
	reading, err := r.Read(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for name, err := range reading.Errors {
		tb.Errorf("got error %v of %s, want none", err, name)
	}
	return reading
}

// wantValues compares some values of a reading; an empty string is no data.
func wantValues(tb testing.TB, reading tocsin.Reading, want map[string]string) {
	tb.Helper()
	for name, text := range want {
		got := ""
		if v, found := reading.Values.Find(name); found {
			got = v.String()
			if v.Kind() == tocsin.NumberValue && v.Float() == math.Trunc(v.Float()) {
				got = fmt.Sprintf("%.0f", v.Float())
			}
		}
		if got != text {
			tb.Errorf("got %s %q, want %q", name, got, text)
		}
	}
}
