package checks_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tocsin"
	"tocsin/checks"
)

// sample is how the suite sets up one kind. A new kind needs one here.
type sample struct {
	// here are attributes of something that every test machine has.
	here func(t *testing.T) map[string]string
	// gone are attributes of something that is not there; nil for a kind
	// that is always there.
	gone func(t *testing.T) map[string]string
	// bad are attributes that Open refuses.
	bad []map[string]string
}

// gonePath is a path that leads nowhere.
func gonePath(t *testing.T) map[string]string {
	return map[string]string{"path": filepath.Join(t.TempDir(), "gone")}
}

func samples() map[string]sample {
	return map[string]sample{
		"directory": {
			here: func(*testing.T) map[string]string { return map[string]string{"path": "/etc"} },
			gone: gonePath, bad: []map[string]string{{}, {"path": "relative"}},
		},
		"fifo": {
			here: func(t *testing.T) map[string]string {
				path := filepath.Join(t.TempDir(), "fifo")
				if err := syscall.Mkfifo(path, 0o600); err != nil {
					t.Fatal(err)
				}
				return map[string]string{"path": path}
			},
			gone: gonePath, bad: []map[string]string{{}, {"path": "relative"}},
		},
		"file": {
			here: func(*testing.T) map[string]string {
				return map[string]string{"path": "/etc/passwd", "content": "root", "ignore": "nobody"}
			},
			gone: gonePath,
			bad:  []map[string]string{{}, {"path": "relative"}, {"path": "/x", "content": "("}, {"path": "/x", "ignore": "x"}},
		},
		"filesystem": {
			here: func(*testing.T) map[string]string { return map[string]string{"path": "/"} },
			gone: gonePath,
			bad:  []map[string]string{{}, {"path": "relative"}, {"path": "/not//clean"}},
		},
		"host": {
			here: func(t *testing.T) map[string]string {
				return map[string]string{"address": "127.0.0.1", "port": listening(t)}
			},
			bad: []map[string]string{{}, {"address": "a b"}, {"address": "https://a"}, {"address": "a:25"}, {"address": "a", "port": "0"}, {"address": "a", "port": ""}},
		},
		"network": {
			here: func(*testing.T) map[string]string { return map[string]string{"interface": "lo"} },
			gone: func(*testing.T) map[string]string { return map[string]string{"interface": "gone0"} },
			bad:  []map[string]string{{}, {"interface": "a/b"}, {"interface": "sixteen-letters-"}, {"address": "x"}, {"interface": "lo", "address": "127.0.0.1"}},
		},
		"process": {
			here: func(t *testing.T) map[string]string {
				path := filepath.Join(t.TempDir(), "pid")
				if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
					t.Fatal(err)
				}
				return map[string]string{"pidfile": path}
			},
			gone: func(t *testing.T) map[string]string {
				return map[string]string{"pidfile": filepath.Join(t.TempDir(), "gone")}
			},
			bad: []map[string]string{{}, {"pidfile": "/run/x", "match": "x"}, {"match": "("}, {"match": ""}},
		},
		"program": {
			here: func(*testing.T) map[string]string {
				return map[string]string{"path": "/bin/echo", "arguments": "OK | load=1;2;3"}
			},
			bad: []map[string]string{{}, {"path": "relative"}, {"path": "/bin/true", "arguments": "'open"}},
		},
		"self": {
			here: func(*testing.T) map[string]string { return nil },
		},
		"system": {
			here: func(*testing.T) map[string]string { return nil },
		},
		"unit": {
			here: func(*testing.T) map[string]string { return map[string]string{"unit": "here.service"} },
			gone: func(*testing.T) map[string]string { return map[string]string{"unit": "gone.service"} },
			bad:  []map[string]string{{}, {"unit": "nginx"}, {"unit": "../x.service"}, {"unit": "a b.service"}},
		},
	}
}

// TestConformance holds every kind to what registry.go promises.
func TestConformance(t *testing.T) {
	known := samples()
	kinds := checks.Kinds()
	if !slices.IsSortedFunc(kinds, func(a, b checks.Kind) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("kinds are not sorted by name")
	}
	host := checks.NewHost("")
	checks.AnswerUnits(host)
	host.Own = ownFigures
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) {
			s, found := known[kind.Name]
			if !found {
				t.Fatalf("add a sample for the kind %q to this suite", kind.Name)
			}
			t.Parallel()
			t.Run("table", func(t *testing.T) { testTable(t, kind) })
			t.Run("names", func(t *testing.T) { testNames(t, kind) })
			t.Run("bad", func(t *testing.T) { testBad(t, kind, host, s) })
			t.Run("cancelled", func(t *testing.T) { testCancelled(t, kind, host, s) })
			t.Run("all", func(t *testing.T) { testAll(t, kind, host, s) })
			t.Run("one by one", func(t *testing.T) { testOneByOne(t, kind, host, s) })
			t.Run("gone", func(t *testing.T) { testGone(t, kind, host, s) })
			t.Run("together", func(t *testing.T) { testTogether(t, kind, host, s) })
		})
	}
	if len(known) != len(kinds) {
		t.Errorf("got %d samples, want %d", len(known), len(kinds))
	}
}

func testTable(t *testing.T, kind checks.Kind) {
	if kind.Name == "" || kind.Doc == "" || kind.Open == nil {
		t.Errorf("got %+v, want a name, a doc and Open", kind)
	}
	attributes := map[string]bool{}
	for _, a := range kind.Attributes {
		attributes[a.Name] = true
		if a.Name == "" || a.Doc == "" || a.Valid == nil {
			t.Errorf("got attribute %+v, want a name, a doc and Valid", a)
		}
	}
	for _, name := range kind.OneOf {
		if !attributes[name] {
			t.Errorf("got %q in OneOf, want the name of an attribute", name)
		}
	}
	units := []checks.Unit{checks.Percent, checks.Bytes, checks.Seconds, checks.Count, checks.PerSecond, checks.Truth, checks.Word}
	exists := false
	for _, m := range kind.Metrics {
		exists = exists || m.Name == "exists"
		if !slices.Contains(units, m.Unit) {
			t.Errorf("%s: got unit %q, want one of %q", m.Name, m.Unit, units)
		}
		if !strings.Contains(m.Doc, ", ") || strings.Contains(m.Doc, "\n") || strings.HasSuffix(m.Doc, ".") {
			t.Errorf("%s: got doc %q, want one line that ends with its source", m.Name, m.Doc)
		}
		if (m.Failed == "") != (m.Recovered == "") {
			t.Errorf("%s: got $EVENT %q and %q, want both or none", m.Name, m.Failed, m.Recovered)
		}
		if m.Name == "exists" && (m.Failed != "Does not exist" || m.Recovered != "Exists" || m.Unit != checks.Truth) {
			t.Errorf("got %+v, want Monit's words", m)
		}
	}
	if exists != (kind.Absent != "") {
		t.Errorf("got Absent %q, want it exactly when there is a metric exists (%t)", kind.Absent, exists)
	}
}

// testNames wants names that HCL can say: a name that is a metric cannot be an
// object with metrics in it.
func testNames(t *testing.T, kind checks.Kind) {
	regular := regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
	names := make([]string, 0, len(kind.Metrics))
	for _, m := range kind.Metrics {
		if !regular.MatchString(m.Name) {
			t.Errorf("got name %q, want %s", m.Name, regular)
		}
		names = append(names, m.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("got %q, want it sorted", names)
	}
	for _, a := range names {
		for _, b := range names {
			if strings.HasPrefix(b, a+".") {
				t.Errorf("got %q and %q, want no name that is the beginning of another", a, b)
			}
		}
	}
	if got := len(slices.Compact(slices.Clone(names))); got != len(names) {
		t.Errorf("got %d different names, want %d", got, len(names))
	}
}

func attributesOf(of map[string]string) tocsin.Attributes {
	var all tocsin.Attributes
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, tocsin.Attribute{Name: name, Value: of[name]})
	}
	return all
}

func testBad(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	for _, attributes := range s.bad {
		if _, err := kind.Open(host, checks.Spec{Name: "x", Attributes: attributesOf(attributes)}); err == nil {
			t.Errorf("got no error for %q, want one", attributes)
		}
	}
}

func reader(t *testing.T, kind checks.Kind, host *checks.Host, attributes map[string]string, metrics map[string]bool) checks.Reader {
	t.Helper()
	r, err := kind.Open(host, checks.Spec{Name: "x", Attributes: attributesOf(attributes), Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testCancelled(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := reader(t, kind, host, s.here(t), nil).Read(ctx)
	if !errors.Is(err, context.Canceled) || len(got.Values) > 0 {
		t.Errorf("got %v, %v, want no values and %v", got, err, context.Canceled)
	}
}

// testAll reads twice, for metrics that are differences.
func testAll(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	r := reader(t, kind, host, s.here(t), nil)
	for range 2 {
		got, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantKnown(t, kind, got, nil)
		if got.At.IsZero() {
			t.Error("got no time, want one")
		}
		for name, err := range got.Errors {
			t.Errorf("got error %v of %s, want none", err, name)
		}
		if kind.Absent != "" && !got.Values.Of("exists").Truth() {
			t.Errorf("got exists %v, want true", got.Values.Of("exists"))
		}
	}
}

// wantKnown wants only metrics of the kind that are wanted, of the right type
// and in the range of their unit.
func wantKnown(t *testing.T, kind checks.Kind, got tocsin.Reading, wanted map[string]bool) {
	t.Helper()
	units := map[string]checks.Unit{}
	for _, m := range kind.Metrics {
		if wanted == nil || wanted[m.Name] {
			units[m.Name] = m.Unit
		}
	}
	for _, read := range got.Values {
		name, v := read.Metric, read.Value
		unit, known := units[name]
		if !known {
			t.Errorf("got %s = %v, want no such metric", name, v)
			continue
		}
		want := tocsin.NumberValue
		switch unit {
		case checks.Truth:
			want = tocsin.BoolValue
		case checks.Word:
			want = tocsin.TextValue
		}
		if v.Kind() != want {
			t.Errorf("%s: got a value of kind %d, want %d", name, v.Kind(), want)
		}
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) || f < 0 || unit == checks.Percent && f > 100 {
			t.Errorf("%s: got %v, want it in the range of its unit", name, f)
		}
	}
	for name := range got.Errors {
		if _, known := units[name]; !known {
			t.Errorf("got an error of %s, want none", name)
		}
	}
}

// testOneByOne wants each metric alone, beside one that does not exist.
func testOneByOne(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	attributes := s.here(t)
	for _, m := range kind.Metrics {
		wanted := map[string]bool{m.Name: true, "no.such_metric": true}
		got, err := reader(t, kind, host, attributes, wanted).Read(t.Context())
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		wantKnown(t, kind, got, map[string]bool{m.Name: true})
	}
	got, err := reader(t, kind, host, attributes, map[string]bool{}).Read(t.Context())
	if err != nil || len(got.Values)+len(got.Errors) > 0 {
		t.Errorf("got %v, %v without a metric, want nothing", got, err)
	}
}

func testGone(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	if s.gone == nil {
		return
	}
	got, err := reader(t, kind, host, s.gone(t), nil).Read(t.Context())
	if err != nil || len(got.Errors) > 0 {
		t.Errorf("got errors %v, %v, want none", err, got.Errors)
	}
	if v := got.Values.Of("exists"); v != tocsin.Bool(false) || len(got.Values) != 1 {
		t.Errorf("got %v, want exists=false and nothing else", got.Values)
	}
}

// testTogether runs many readers of one host at once, for the race detector.
func testTogether(t *testing.T, kind checks.Kind, host *checks.Host, s sample) {
	var all sync.WaitGroup
	for range 4 {
		r := reader(t, kind, host, s.here(t), nil)
		all.Go(func() {
			for range 5 {
				if _, err := r.Read(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// listening is a port of this machine that takes connections.
func listening(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
