package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/internal/config"
)

const ruleFile = `
mailserver "box" {
  host = "localhost"
  tls  = "none"
}
mail "ops" {
  to = ["ops@example.com"]
}
check "system" "web-1" {
  rule "cpu" {
    when     = cpu.percent > 90
    evidence = ["top_cpu", "journal"]
  }
  rule "load" {
    when = cpu.percent > 95
  }
}
check "filesystem" "data" {
  path = "/data"
  rule "full" {
    when     = space.percent > 90
    evidence = ["disk"]
  }
}
`

// gather is a source that is a function.
type gather func(ctx context.Context, about About) Exhibit

func (g gather) Gather(ctx context.Context, about About) Exhibit { return g(ctx, about) }

// ledger is a desk on paper.
type ledger struct {
	mu    sync.Mutex
	began time.Time
	lines []string
	last  tocsin.Event
}

func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%4dms ", time.Since(l.began).Milliseconds())+fmt.Sprintf(format, args...))
}

func newDesk(t *testing.T, sources map[string]Source) (*Desk, *ledger) {
	t.Helper()
	cfg, problems := config.LoadBytes([]byte(ruleFile), "test.hcl", config.Options{Host: func() string { return "web-1.example.com" }})
	if problems.HasErrors() {
		t.Fatal(problems.Error())
	}
	l := &ledger{began: time.Now()}
	return &Desk{
		EmitHeld: func(ev tocsin.Event, hold time.Duration) ([]string, error) {
			l.note("emit %s hold %s", ev.Rule, hold)
			return []string{"ops"}, nil
		},
		Complete: func(ev tocsin.Event) error {
			l.note("complete %s", ev.Rule)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.last = ev
			return nil
		},
		Config: func() *config.Config { return cfg }, Sources: sources, Log: slog.New(slog.DiscardHandler),
	}, l
}

func failed(kind, check, rule string) tocsin.Event {
	return tocsin.Event{ID: "1", Type: tocsin.Failed, Kind: kind, Check: check, Rule: rule, Description: "it is 97 %"}
}

func says(name string, after time.Duration) gather {
	return func(ctx context.Context, _ About) Exhibit {
		select {
		case <-time.After(after):
			return Exhibit{Heading: name, Lines: []string{name + " says"}}
		case <-ctx.Done():
			return Exhibit{Missing: "cut off"}
		}
	}
}

func TestAnEventIsDurableFirstAndCompleteThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, l := newDesk(t, map[string]Source{"top_cpu": says("CPU", 500*time.Millisecond), "journal": says("Journal", 100*time.Millisecond)})
		for _, ev := range []tocsin.Event{
			failed("system", "web-1", "cpu"), failed("system", "web-1", "load"), failed("system", "web-1", "data"), failed("system", "gone", "cpu"),
			{Type: tocsin.Recovered, Kind: "system", Check: "web-1", Rule: "cpu"},
		} {
			if _, err := d.Emit(ev); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		want := "   0ms emit cpu hold 3s\n   0ms emit load hold 0s\n   0ms emit data hold 0s\n   0ms emit cpu hold 0s\n   0ms emit cpu hold 0s\n 500ms complete cpu"
		if got := strings.Join(l.lines, "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if want := "it is 97 %\n\nCPU:\n  CPU says\n\nJournal:\n  Journal says"; l.last.Description != want {
			t.Errorf("got %q, want %q", l.last.Description, want)
		}
	})
}

func TestWhatDoesNotComeIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		d, l := newDesk(t, map[string]Source{
			"top_cpu": gather(func(context.Context, About) Exhibit { <-hung; return Exhibit{Lines: []string{"late"}} }),
			"journal": gather(func(ctx context.Context, _ About) Exhibit {
				<-ctx.Done()
				return Exhibit{Heading: "Journal", Lines: []string{"half"}, Missing: "cut off"}
			}),
		})
		for range 2 {
			if _, err := d.Emit(failed("system", "web-1", "cpu")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
		want := "it is 97 %\n\nMost processor time:\n  not available: what was asked for before has not come to its end in 2s\n\nJournal:\n  half\n  not whole: cut off"
		if l.last.Description != want {
			t.Errorf("got %q, want %q", l.last.Description, want)
		}
		if got := strings.Join(l.lines, "\n"); !strings.Contains(got, "2200ms complete cpu") {
			t.Errorf("got\n%s\nwant the first one complete after 2200ms", got)
		}
		close(hung)
		d.Close()
	})
}

func TestAStormGathersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, now, most atomic.Int32
		d, l := newDesk(t, map[string]Source{"disk": gather(func(_ context.Context, about About) Exhibit {
			calls.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			return Exhibit{Lines: []string{about.Attribute}}
		})})
		for range 100 {
			if _, err := d.Emit(failed("filesystem", "data", "full")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls.Load() != 1 || len(l.lines) != 200 || !strings.Contains(l.last.Description, "\n  /data") {
			t.Errorf("got %d gatherings, %d lines, %q", calls.Load(), len(l.lines), l.last.Description)
		}
		time.Sleep(fresh)
		if _, err := d.Emit(failed("filesystem", "data", "full")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.Close() // cut short: it goes as it is
		if calls.Load() != 2 || most.Load() != 1 || len(l.lines) != 202 {
			t.Errorf("got %d gatherings, %d at once, %d lines", calls.Load(), most.Load(), len(l.lines))
		}
		time.Sleep(time.Second)
	})
}

func TestTheJournalIsSharedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var processors, journals int
		count := func(n *int) gather { return func(context.Context, About) Exhibit { *n++; return Exhibit{} } }
		d, _ := newDesk(t, map[string]Source{"top_cpu": count(&processors), "journal": count(&journals)})
		for range 4 {
			if _, err := d.Emit(failed("system", "web-1", "cpu")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(600 * time.Millisecond)
			synctest.Wait()
		}
		if processors != 1 || journals != 2 {
			t.Errorf("got %d looks at the processes and %d at the journal, want 1 and 2", processors, journals)
		}
		d.Close()
	})
}

func TestWhatIsNotDurableIsSaidAtOnce(t *testing.T) {
	d, _ := newDesk(t, map[string]Source{"disk": says("disk", 0)})
	full := errors.New("no space")
	d.EmitHeld = func(tocsin.Event, time.Duration) ([]string, error) { return nil, full }
	d.Complete = func(tocsin.Event) error { t.Error("completed"); return nil }
	if _, err := d.Emit(failed("filesystem", "data", "full")); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	d.Close()
}

func TestExhibitsAreBounded(t *testing.T) {
	e := Exhibit{Heading: "Top", Lines: []string{"a\nb\x1b[31m\u202e", "  indented\t"}}
	if got, want := e.text(), "Top:\n  a b\ufffd[31m\ufffd\n    indented"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Exhibit{Heading: "Top"}).text(); got != "Top:\n  nothing" {
		t.Errorf("got %q", got)
	}
	for _, lines := range [][]string{
		strings.Split(strings.Repeat("x\n", 100), "\n"),
		{strings.Repeat("ü", 10_000), strings.Repeat("\xff", 10_000)},
		strings.Split(strings.Repeat(strings.Repeat("y", 390)+"\n", 30), "\n"),
	} {
		got := Exhibit{Heading: strings.Repeat("h", 9999), Lines: lines, Missing: strings.Repeat("m", 9999)}.text()
		if n := strings.Count(got, "\n"); len(got) > 4<<10 || n > maxLines+2 {
			t.Errorf("got %d bytes in %d lines", len(got), n)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1024: "1 KiB", 1536: "1.5 KiB", 10 << 20: "10 MiB", 1023 << 20: "1.0 GiB", 5 << 40: "5 TiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d): got %q, want %q", n, got, want)
		}
	}
}
