//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"tocsin/internal/postbox"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// victims is how many checks flap in TestKill.
const victims = 12

// torture is an agent that is killed over and over while rules fail and
// recover and another process submits mail.
type torture struct {
	t       *testing.T
	s       *station
	box     *postbox.Server
	stderr  *os.File
	arrived chan struct{} // a mail is being given to the box
	census  *census
	// submitted are the ids that spool.Submit acknowledged.
	submitted []string
}

// TestKill ends the agent at any moment, a thousand times or $TOCSIN_KILLS.
// Nothing acknowledged is lost; what is sent twice is the same mail, and no
// oftener than there were kills; and the ledger counts all that was sent.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 1000
	if n, err := strconv.Atoi(os.Getenv("TOCSIN_KILLS")); err == nil {
		kills = n
	}
	ctx := deadline(t, 2*time.Minute+time.Duration(kills)*500*time.Millisecond)
	tr := newTorture(t)
	began := time.Now()
	for n := range kills {
		tr.flap()
		var wg sync.WaitGroup
		if n%2 == 0 {
			wg.Go(tr.submit) // at any moment of the agent's life, and after it
		}
		tr.live(ctx)
		wg.Wait()
		tr.census.take()
		tr.checkLedger()
		if t.Failed() {
			t.Fatalf("stopped after %d kills", n+1)
		}
	}
	tr.t.Logf("%d kills in %s", kills, time.Since(began).Round(time.Second))
	tr.drain(ctx)
	tr.verify(ctx, kills)
}

func newTorture(t *testing.T) *torture {
	s := newStation(t)
	tr := &torture{t: t, s: s, arrived: make(chan struct{}, 1)}
	tr.box = startBox(t, postbox.Config{OnMail: func(postbox.Mail) error {
		select {
		case tr.arrived <- struct{}{}:
		default: // one is enough
		}
		return nil
	}})
	blocks := []string{
		tr.s.account("box", tr.box.Port(), "implicit", tr.box, unlimited),
		mailTo("ops", "ops@example.com"), mailTo("team", "team@example.com"),
		// Every event goes to one alone and to the other in digests.
		"route {\n  notify   = [mail.ops]\n  continue = true\n}\n",
		"route {\n  notify = [mail.team]\n  group  = \"1s\"\n}\n",
	}
	for i := range victims {
		blocks = append(blocks, s.watchProcess(victim(i), "100ms"))
	}
	s.rules(blocks...)
	must(t, os.Mkdir(s.state, 0o700))
	must(t, spool.Prepare(filepath.Join(s.state, "spool")))
	tr.census = newCensus(t, filepath.Join(s.state, "spool"))
	var err error
	tr.stderr, err = os.Create(s.path("stderr"))
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of the agent:\n%s", tail(readFile(t, tr.stderr.Name()), 60))
		}
		_ = tr.stderr.Close()
	})
	return tr
}

func victim(i int) string { return fmt.Sprintf("p%02d", i) }

// flap lets some of the watched processes come or go.
func (tr *torture) flap() {
	tr.t.Helper()
	for i := range victims {
		pidfile := tr.s.path(victim(i) + ".pid")
		switch rand.IntN(9) {
		case 0:
			writePidfile(tr.t, pidfile, os.Getpid())
		case 1:
			_ = os.Remove(pidfile) // it may be gone
		}
	}
}

// live runs the agent until it is killed, somewhere.
func (tr *torture) live(ctx context.Context) {
	tr.t.Helper()
	a := tr.s.spawn(ctx, tr.stderr)
	defer a.kill()
	die := func(after <-chan time.Time) {
		select {
		case <-after:
		case <-ctx.Done():
			tr.t.Fatal("the test has run out of time")
		}
	}
	ready := func() { a.ready(ctx, 1) }
	switch n := rand.IntN(100); {
	case n < 10: // while it starts
		die(time.After(rand.N(30 * time.Millisecond)))
	case n < 35: // while a mail is on the wire
		ready()
		select {
		case <-tr.arrived:
		default:
		}
		select {
		case <-tr.arrived:
		case <-time.After(100 * time.Millisecond): // nothing had to be told
		}
		die(time.After(rand.N(3 * time.Millisecond)))
	case n < 37: // after it has collected what was submitted
		ready()
		die(time.After(time.Second + rand.N(100*time.Millisecond)))
	default:
		ready()
		die(time.After(rand.N(60 * time.Millisecond)))
	}
}

// submit hands a message to the spool at some moment, as another process does.
func (tr *torture) submit() {
	<-time.After(rand.N(60 * time.Millisecond))
	id := spool.NewID()
	err := spool.Submit(filepath.Join(tr.s.state, "spool"), spool.Item{
		ID: id, Queued: time.Now(), From: username, Targets: []spool.Target{{Addresses: []string{"raw@example.com"}}},
		Raw: fmt.Appendf(nil, "From: %s\r\nTo: raw@example.com\r\nSubject: submitted\r\nMessage-ID: <%s@raw.example.com>\r\n\r\nEvent-ID: %s\r\n", username, id, id),
	})
	if err != nil {
		tr.t.Errorf("submit: %v", err)
		return
	}
	tr.submitted = append(tr.submitted, id)
}

// drain lets the agent run until all is told. What it notices when it is told
// to stop takes another round.
func (tr *torture) drain(ctx context.Context) {
	tr.t.Helper()
	left := func() []string {
		names, _ := filepath.Glob(filepath.Join(tr.s.state, "spool", "[mpq]*", "*.*"))
		return names
	}
	for round := 0; round == 0 || len(left()) > 0; round++ {
		a := tr.s.spawn(ctx, tr.stderr)
		a.ready(ctx, 1)
		poll(ctx, tr.t, "the spool to be empty", func() bool { return len(left()) == 0 })
		a.stop(ctx)
	}
	tr.census.take()
	tr.checkLedger()
}

// checkLedger compares the ledger with what the box has accepted.
func (tr *torture) checkLedger() {
	tr.t.Helper()
	used, err := quota.Read(filepath.Join(tr.s.state, "quota.log"), time.Now())
	must(tr.t, err)
	counted := 0
	for _, use := range used["box"] {
		counted += use.Recipients
	}
	if accepted := len(tr.box.Recipients()); counted < accepted {
		tr.t.Errorf("the ledger counts %d recipients, the server has accepted %d", counted, accepted)
	}
}

// verify compares what was acknowledged with what the box has.
func (tr *torture) verify(ctx context.Context, kills int) {
	t := tr.t
	t.Helper()
	all := letters(t, tr.box)
	where := tally(all)
	for _, id := range tr.submitted {
		if n := len(where[placement{id, "raw@example.com"}]); n != 1 {
			t.Errorf("submitted message %s is in %d mails, want 1", id, n)
		}
	}
	for _, id := range tr.census.events() {
		for _, recipient := range []string{"ops@example.com", "team@example.com"} {
			if n := len(where[placement{id, recipient}]); n != 1 {
				t.Errorf("event %s is in %d mails to %s, want 1", id, n, recipient)
			}
		}
	}
	tr.census.checkTransitions()
	if want := len(tr.submitted) + 2*len(tr.census.events()); len(where) != want {
		t.Errorf("%d placements were told, want %d: something was told that nobody acknowledged", len(where), want)
	}
	extra := 0
	for id, n := range checkCopies(t, all) {
		extra += n
		if most := tr.census.killsInFlight(id); n > most {
			t.Errorf("mail %s came %d times more than once, and was in flight in %d kills", id, n, most)
		}
	}
	if extra > kills {
		t.Errorf("got %d copies for %d kills", extra, kills)
	}
	var report struct {
		Limits []struct {
			Limit string `json:"limit"`
			Used  int    `json:"used"`
		} `json:"limits"`
	}
	must(t, json.Unmarshal([]byte(tr.s.ok(ctx, "quota", "--json")), &report))
	for _, u := range report.Limits {
		if accepted := len(tr.box.Recipients()); u.Limit == "recipients_per_day" && u.Used < accepted {
			t.Errorf("tocsin quota says %d, the server has accepted %d recipients", u.Used, accepted)
		}
	}
	t.Logf("%d kills: %d events and %d submitted messages acknowledged, %d mails received, %d of them extra copies",
		kills, len(tr.census.events()), len(tr.submitted), len(all), extra)
}
