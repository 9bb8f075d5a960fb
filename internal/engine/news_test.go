package engine

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// tail is a reader of a log: each line is read once.
type tail struct {
	mu    sync.Mutex
	lines []string
	slow  time.Duration
	// silent says that nobody wants the number of lines.
	silent bool
}

func (l *tail) write(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, lines...)
}

func (l *tail) delay(slow time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow = slow
}

func (l *tail) unread() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

func (l *tail) Read(context.Context) (tocsin.Reading, error) {
	l.mu.Lock()
	lines, slow := slices.DeleteFunc(l.lines, func(s string) bool { return s == "fine" }), l.slow
	l.lines = nil
	l.mu.Unlock()
	time.Sleep(slow)
	values := map[string]tocsin.Value{"matches": tocsin.Number(float64(len(lines)))}
	if l.silent {
		clear(values)
	}
	if n := len(lines); n > 0 {
		values["line"] = tocsin.Text(lines[n-1])
	}
	return tocsin.Reading{At: time.Now(), Values: tocsin.ValuesOf(values)}, nil
}

// says is a condition on the lines: so many of them, the last of which is this.
type says struct {
	least float64
	line  string
}

func (s says) Eval(v View) Truth {
	n, line := v.Reading.Values.Of("matches"), v.Reading.Values.Of("line")
	switch {
	case n.Kind() == tocsin.NoValue, s.line != "" && line.Kind() == tocsin.NoValue:
		return Unknown
	case n.Float() >= s.least && (s.line == "" || line.String() == s.line):
		return True
	}
	return False
}

// logging is a check of a log with a rule for each condition.
func logging(name string, l *tail, conditions ...Condition) Check {
	c := watching(name, l)
	c.News = []News{{Metric: "matches"}, {Metric: "line", Text: true}}
	one := c.Rules[0]
	c.Rules = nil
	for i, when := range conditions {
		one.When, one.Name = when, string(rune('r'+i))
		c.Rules = append(c.Rules, one)
	}
	return c
}

// TestNewsWaitsForWhatACheckDependsOn: a line that says the worst is told, also
// when the log goes on with others, or is silent, before that has been read.
func TestNewsWaitsForWhatACheckDependsOn(t *testing.T) {
	for name, after := range map[string][]string{"silent": nil, "talkative": {"fine"}} {
		synctest.Test(t, func(t *testing.T) {
			below, hang := &source{}, make(chan struct{})
			db := watching("db", below)
			db.Timeout = 9 * time.Second
			l, k := &tail{}, &keeper{}
			c := logging("log", l, says{1, ""})
			c.Interval, c.DependsOn = time.Second, []string{"test.db"}
			_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c, db)
			time.Sleep(time.Minute)
			below.set(func(s *source) { s.hang = hang })
			l.write("fatal")
			time.Sleep(1500 * time.Millisecond)
			l.write(after...)
			time.Sleep(2 * time.Second)
			below.set(func(s *source) { s.hang = nil })
			close(hang)
			time.Sleep(30 * time.Second)
			got := 0
			for _, ev := range k.all() {
				if ev.Check == "log" && ev.Type == tocsin.Failed {
					got++
				}
			}
			if got != 1 {
				t.Errorf("%s: the line was told %d times, want once", name, got)
			}
			stop()
		})
	}
}

// TestNewsWaitsForAnAction: lines that are read while an action is under way are
// for the rules after it, all of them, once.
func TestNewsWaitsForAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k, d := &tail{}, &keeper{}, &daemon{}
		c := logging("log", l, says{1, "oom"}, says{3, "disk"})
		c.Interval = 300 * time.Millisecond // an action takes a second
		c.Rules[0].Do, c.Methods = Restart, map[Verb]Method{Restart: deed{d, Restart}}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Minute)
		l.write("oom")
		time.Sleep(400 * time.Millisecond)
		for _, line := range []string{"one", "two", "disk"} {
			l.write(line)
			time.Sleep(150 * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		wants(t, k, "log/r failed", "log/r action", "log/r recovered", "log/s failed", "log/s recovered")
		stop()
	})
}

// TestNewsOfALateReading is not lost with it, nor what a reload finds under way.
func TestNewsOfALateReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := &tail{}, &keeper{}
		c := logging("log", l, says{1, ""})
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Minute)
		l.delay(8 * time.Second) // its timeout is 5 s
		l.write("late")
		time.Sleep(15 * time.Second) // until it was read
		l.delay(0)
		time.Sleep(30 * time.Second)
		wants(t, k, "log/r failed", "log/r recovered")

		l.delay(3 * time.Second)
		l.write("reloaded")
		for left := len(l.unread()); left > 0; left = len(l.unread()) {
			time.Sleep(100 * time.Millisecond)
		}
		c.Fingerprint, c.Reader = "another", &tail{}
		if err := e.Reload(t.Context(), "web-1", []Check{c}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wants(t, k, "log/r failed", "log/r recovered")
		stop()
	})
}

// TestNoLineEndsAFailure over one, whether it says something or not to say another,
// is no change, and begins none.
func TestNoLineEndsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := &tail{}, &keeper{}
		c := logging("log", l, lineIs{"fatal"}, lineIsNot{"fine"})
		c.News = c.News[1:] // the rules want the line alone
		l.silent = true
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Minute)
		wants(t, k)
		l.write("fatal")
		time.Sleep(time.Minute)
		wants(t, k, "log/r failed", "log/s failed", "log/r recovered")
		l.write("all is well", "fine ")
		time.Sleep(time.Minute)
		wants(t, k)
		stop()
	})
	view := View{News: []News{{"line", true}}, Seen: map[string]string{"line": "fatal"}, Reading: tocsin.Reading{Values: tocsin.Values{{Metric: "line", Value: tocsin.Text("")}}}}
	if got := view.Changed("line"); got != Unknown {
		t.Errorf("got %v for a change to no line, want unknown", got)
	}
	if got := view.seeing(&Rule{Changes: []string{"line"}}); got != nil {
		t.Errorf("got %v seen, want nothing new", got)
	}
}

// lineIs and lineIsNot are conditions on the last line alone.
type (
	lineIs    struct{ line string }
	lineIsNot struct{ line string }
)

func (l lineIs) Eval(v View) Truth {
	switch line := v.Reading.Values.Of("line"); {
	case line.Kind() == tocsin.NoValue:
		return Unknown
	case line.String() == l.line:
		return True
	}
	return False
}

func (l lineIsNot) Eval(v View) Truth {
	switch lineIs(l).Eval(v) {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// TestGather: numbers add up, the newest text counts, and what is no news is left.
func TestGather(t *testing.T) {
	news := []News{{Metric: "n"}, {Metric: "line", Text: true}}
	n := func(f float64) tocsin.Named { return tocsin.Named{Metric: "n", Value: tocsin.Number(f)} }
	line := func(s string) tocsin.Named { return tocsin.Named{Metric: "line", Value: tocsin.Text(s)} }
	size := tocsin.Named{Metric: "size", Value: tocsin.Number(7)}
	for _, tt := range []struct{ older, newer, want tocsin.Values }{
		{nil, nil, nil},
		{nil, tocsin.Values{n(2), size}, tocsin.Values{n(2)}},
		{tocsin.Values{n(2), line("a")}, tocsin.Values{n(1), line("b")}, tocsin.Values{n(3), line("b")}},
		{tocsin.Values{n(2), line("a")}, tocsin.Values{n(0), line("")}, tocsin.Values{n(2), line("a")}},
		{tocsin.Values{n(2), line("a")}, tocsin.Values{size}, tocsin.Values{n(2), line("a")}},
	} {
		if got := gather(news, tt.older, tt.newer); len(got) != len(tt.want) || got.Of("n") != tt.want.Of("n") || got.Of("line") != tt.want.Of("line") {
			t.Errorf("%v and %v: got %v, want %v", tt.older, tt.newer, got, tt.want)
		}
	}
}

// TestLeave: what two rules have seen in one reading is left once, before what was
// read later.
func TestLeave(t *testing.T) {
	c := logging("log", &tail{}, says{1, ""})
	e := New("host", []Check{c}, &State{Rules: map[string]RuleState{}}, &keeper{}, 0, slog.New(slog.DiscardHandler))
	w := e.watches[0]
	reading := func(n float64, line string) tocsin.Reading {
		return tocsin.Reading{At: time.Unix(int64(n), 0), Values: tocsin.Values{{Metric: "matches", Value: tocsin.Number(n)}, {Metric: "line", Value: tocsin.Text(line)}}}
	}
	w.owe(reading(2, "second"))
	e.leave(w, reading(1, "first"))
	e.leave(w, reading(1, "first"))
	if n, line := w.owed.Of("matches"), w.owed.Of("line"); n.Float() != 3 || line.String() != "second" {
		t.Errorf("got %v lines, the last %q; want 3, the last \"second\"", n, line)
	}
}
