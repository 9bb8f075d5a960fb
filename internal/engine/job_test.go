package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// TestACheckThatComesBackDuringItsAction: what a reload takes away and another
// brings back finds its action under way, and none is begun beside it.
func TestACheckThatComesBackDuringItsAction(t *testing.T) {
	for _, do := range []Verb{Restart, Exec} {
		synctest.Test(t, func(t *testing.T) {
			d, k := &daemon{}, &keeper{}
			c := serving(d, do)
			gate := &gate{open: make(chan struct{})}
			c.Methods[Restart], c.Rules[0].Exec = gate, gate
			e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
			time.Sleep(20 * time.Second)
			wants(t, k, "a/r failed")
			for _, checks := range [][]Check{nil, {c}} {
				if err := e.Reload(t.Context(), "host", checks); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Second)
			}
			if n := gate.began.Load(); n != 1 {
				t.Errorf("%s: %d began at once", do, n)
			}
			d.set(func(d *daemon) { d.up = true })
			close(gate.open)
			time.Sleep(20 * time.Second)
			events := k.all()
			if n := len(events); n < 2 || events[0].Name != "No longer watched" || !slices.ContainsFunc(events, func(ev tocsin.Event) bool { return ev.Name == "Execution succeeded" }) {
				t.Errorf("%s: got %+v", do, events)
			}
			stop()
		})
	}
}

// gate is a method that ends when it is open.
type gate struct {
	open  chan struct{}
	began atomic.Int32
}

func (g *gate) Do(context.Context, *tocsin.Event) (string, error) {
	g.began.Add(1)
	<-g.open
	return "", nil
}

// TestACheckThatGoesDuringItsAction: what was begun is ended and told, as far as
// anybody can know.
func TestACheckThatGoesDuringItsAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true}, &keeper{}
		c := serving(d, Restart, Start, Stop)
		c.Rules[0].When = isUp{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(700 * time.Millisecond)
		if err := e.Reload(t.Context(), "host", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		did(t, d, "stop for failed", "start for failed") // it does not stay down
		events := k.all()
		wants(t, k, "a/r failed", "a/r recovered", "a/r action")
		if last := events[len(events)-1]; !strings.Contains(last.Description, "nobody has seen whether it is there") {
			t.Errorf("got %+v", last)
		}
		stop()
	})
}

// isUp is the opposite of isBad.
type isUp struct{}

func (isUp) Eval(v View) Truth {
	switch (isBad{}).Eval(v) {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// TestTheAgentEndsDuringARestart: what was stopped is started, unless the
// machine goes down.
func TestTheAgentEndsDuringARestart(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration
		deaf  bool // it does not go, so that the end comes while it is waited for
		down  bool
		blind bool // nobody can see whether it is there
		want  []string
	}{
		{"while it stops", 500 * time.Millisecond, false, false, false, []string{"start for action"}},
		{"while it stops, unseen", 500 * time.Millisecond, false, false, true, []string{"start for action"}},
		{"while it is waited for", 3 * time.Second, true, false, false, []string{"stop for action", "start for action"}},
		{"while it starts", 2500 * time.Millisecond, false, false, false, []string{"stop for action", "start for action"}},
		{"with the machine", 500 * time.Millisecond, false, true, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			synctest.Test(t, func(t *testing.T) {
				d := &daemon{up: true, deaf: tt.deaf}
				c := serving(d, "", Start, Stop)
				c.Exists = !tt.blind
				e, stop := running(t, path, &keeper{}, c)
				time.Sleep(time.Minute)
				go func() { _ = e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"a"}, By: "root"}) }()
				time.Sleep(tt.after)
				e.Quiet(tt.down)
				began := time.Now()
				stop()
				did(t, d, tt.want...)
				if took := time.Since(began); took > endGrace {
					t.Errorf("the end took %s", took)
				}
			})
		})
	}
}

// TestTheGraceEnds: what hangs does not keep the agent.
func TestTheGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		longer, done := outliving(ctx, endGrace)
		defer done()
		cancel()
		began := time.Now()
		<-longer.Done()
		if took := time.Since(began); took != endGrace {
			t.Errorf("ended after %s", took)
		}
	})
}

// TestWhatIsThereIsNotStarted a second time, whoever asks; what was there when it
// was read last, and has gone, is.
func TestWhatIsThereIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{up: true}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, serving(d, Restart, Start, Stop))
		defer stop()
		start := func() {
			t.Helper()
			if err := e.Obey(t.Context(), Order{Verb: Start, Names: []string{"a"}, By: "root"}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		start()
		did(t, d)
		time.Sleep(time.Second)
		d.set(func(d *daemon) { d.up = false })
		start()
		did(t, d, "start for action")
		start()
		did(t, d)
	})
}
