package notify

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/silence"
	"tocsin/notify/spool"
)

// quiet is a post with a desk whose events a book may silence.
type quiet struct {
	*post
	book *silence.Book
	desk *Desk
}

func newQuiet(t *testing.T) *quiet {
	t.Helper()
	q := &quiet{post: newPost(t, quota.Limit{}, "one")}
	q.stop()
	q.prepare = q.open
	q.start()
	return q
}

// open has the courier and the desk heed the book on disk.
func (q *quiet) open() {
	q.t.Helper()
	book, damaged := silence.Open(filepath.Join(q.dir, "silences.json"))
	if damaged != nil {
		q.t.Fatal(damaged)
	}
	q.book = book
	q.Silenced = book.Still
	book.Watch(q.Look)
	q.desk = &Desk{Spool: q.Spool, Log: slog.New(slog.DiscardHandler), Router: func() Router { return Router{Mails: q.setup.Mails} }, Silenced: book.Over}
}

func (q *quiet) silence(d time.Duration, names ...string) {
	q.t.Helper()
	if _, err := q.book.Begin(silence.About{Names: names, All: len(names) == 0}, time.Now().Add(d), "deploy", "alice", time.Now()); err != nil {
		q.t.Fatal(err)
	}
}

// emit hands the desk an event of a check and returns its id.
func (q *quiet) emit(check string, kind tocsin.EventType, severity tocsin.Severity) string {
	q.t.Helper()
	q.n++
	id := fmt.Sprintf("%032x", q.n)
	if err := q.desk.Emit(tocsin.Event{ID: id, Type: kind, Host: "h", Kind: "process", Check: check, Rule: "r", Severity: severity, At: time.Now(), Since: time.Now(), Incident: "1" + check}); err != nil {
		q.t.Fatal(err)
	}
	return id
}

// went lists the mails with how long after the start each went, and the numbers
// of its events.
func (q *quiet) went(start time.Time) []string {
	var out []string
	for _, m := range q.servers["one"].mails() {
		line := m.at.Sub(start).Round(time.Second).String()
		for _, id := range m.events() {
			line += " " + strings.TrimLeft(id, "0")
		}
		out = append(out, line)
	}
	return out
}

func (q *quiet) wants(start time.Time, want ...string) {
	q.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, q.went(start)); diff != "" {
		q.t.Errorf("mails (-want +got):\n%s", diff)
	}
}

func TestWhatASilenceHoldsBackIsOneMailAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		start := time.Now()
		q.silence(2*time.Hour, "a")
		q.emit("a", tocsin.Failed, tocsin.Critical) // 1
		q.emit("b", tocsin.Failed, tocsin.Warning)  // 2, which nobody silenced
		q.after(time.Hour)
		q.emit("a", tocsin.Reminder, tocsin.Critical) // 3, which nobody needs
		q.emit("a", tocsin.Recovered, tocsin.Warning) // 4
		q.emit("a", tocsin.Failed, tocsin.Warning)    // 5
		q.after(2*time.Hour + time.Second)
		q.wants(start, "0s 2", "2h0m0s 1 4 5")
		text := string(q.servers["one"].mails()[1].data)
		for _, want := range []string{"Held back by silence 1 of a, from ", "by alice: =\r\ndeploy", "Not recovered by then: a: r."} {
			if !strings.Contains(text, want) && !strings.Contains(strings.ReplaceAll(text, "=\r\n", ""), strings.ReplaceAll(want, "=\r\n", "")) {
				t.Errorf("the mail lacks %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "Sent late") || strings.Contains(text, "Queued late") {
			t.Errorf("the mail says that it is late:\n%s", text)
		}
		q.idle()
	})
}

func TestASilenceThatIsEndedLetsGoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		start := time.Now()
		q.silence(2*time.Hour, "a")
		q.silence(time.Hour, "b")
		q.emit("a", tocsin.Failed, tocsin.Warning)
		q.emit("b", tocsin.Failed, tocsin.Warning)
		q.after(10 * time.Minute)
		if _, err := q.book.End("a", time.Now()); err != nil {
			t.Fatal(err)
		}
		q.wants(start, "10m0s 1")
		q.after(time.Hour)
		q.wants(start, "10m0s 1", "1h0m0s 2")
		if text := string(q.servers["one"].mails()[0].data); strings.Contains(text, "Sent late") {
			t.Errorf("the mail says that it is late:\n%s", text)
		}
	})
}

func TestASilenceOutlivesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		start := time.Now()
		q.silence(2 * time.Hour)
		q.emit("a", tocsin.Failed, tocsin.Critical)
		q.emit("", tocsin.Boot, tocsin.Critical)
		q.after(time.Minute)
		q.stop()
		q.start()
		defer func() { q.stop() }()
		q.emit("b", tocsin.Failed, tocsin.Info)
		q.after(time.Hour)
		q.wants(start)
		q.after(time.Hour)
		q.wants(start, "2h0m0s 1 2 3")
	})
}

func TestMailThatWasLostIsNeverSilenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		q.silence(time.Hour)
		alarms := &Alarms{Desk: q.desk, Log: q.Log, Host: func() string { return "h" }}
		alarms.Damaged("a file", time.Now())
		q.emit("", tocsin.Test, tocsin.Info)
		q.emit("tocsin", tocsin.Instance, tocsin.Info) // that the agent stopped is silenced
		q.after(time.Minute)
		if n := len(q.servers["one"].mails()); n != 2 {
			t.Errorf("got %d mails, want that of the damage and of the test", n)
		}
	})
}

func TestAGroupDoesNotLetASilencedEventGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		start := time.Now()
		mails := q.setup.Mails
		q.desk.Router = func() Router {
			return Router{Mails: mails, Routes: []Route{{Notify: []string{"ops"}, Group: time.Minute}}}
		}
		q.silence(time.Hour, "a")
		q.emit("b", tocsin.Failed, tocsin.Warning)
		q.emit("a", tocsin.Failed, tocsin.Warning)
		q.after(59*time.Minute + 50*time.Second)
		q.emit("b", tocsin.Recovered, tocsin.Warning)
		q.after(5 * time.Minute)
		q.wants(start, "1m0s 1", "1h0m0s 2", "1h0m50s 3")
	})
}

func TestTheForecastKnowsOfSilences(t *testing.T) {
	now := noon()
	w := waitingItem("1")
	item := *w.Item
	item.Silence = &spool.Silence{Key: "k", Until: now.Add(time.Hour)}
	w.Item = &item
	b := Backlog{
		Waiting: []spool.Waiting{w}, Setup: Setup{Accounts: []Account{account("a", quota.Limit{})}},
		Silenced: map[string]time.Time{"k": now.Add(time.Hour)},
	}
	if f := b.Forecast(now); f.Mails != 1 || !f.Last.Equal(now.Add(time.Hour)) {
		t.Errorf("got %+v", f)
	}
}

// TestWhatAnotherSilenceCoversWaitsForThat: a maintenance that is renamed, or a
// silence that is made longer by a second one, lets nothing go.
func TestWhatAnotherSilenceCoversWaitsForThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		start := time.Now()
		q.silence(time.Hour, "a")
		q.emit("a", tocsin.Failed, tocsin.Warning)
		q.after(time.Minute)
		q.silence(2*time.Hour, "process")
		q.after(time.Minute)
		if _, err := q.book.End("1", time.Now()); err != nil {
			t.Fatal(err)
		}
		q.after(time.Hour)
		q.wants(start)
		q.emit("a", tocsin.Recovered, tocsin.Warning)
		q.after(2 * time.Hour)
		if got := q.went(start); len(got) != 2 || !strings.HasPrefix(got[0], "2h1m0s ") || !strings.HasPrefix(got[1], "2h1m0s ") {
			t.Errorf("got %q", got)
		}
	})
}

// TestTheMailAtTheEndIsOfThen: what is behind a cause when its mail is made is in it,
// not what was when the cause failed.
func TestTheMailAtTheEndIsOfThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(t)
		defer func() { q.stop() }()
		var asked []string
		q.stop()
		q.prepare = func() {
			q.open()
			q.Renew = func(failures []*tocsin.Event) {
				for _, ev := range failures {
					asked = append(asked, ev.Check+" "+string(ev.Type))
					ev.Dependants = []tocsin.Dependant{{Kind: "file", Check: "top", State: tocsin.DependantHeld, Name: "Gone", Since: time.Now()}}
				}
			}
		}
		q.start()
		q.silence(time.Hour, "a", "b")
		q.emit("a", tocsin.Failed, tocsin.Critical)
		q.after(time.Second)
		q.emit("a", tocsin.Recovered, tocsin.Critical)
		q.emit("b", tocsin.Failed, tocsin.Critical)
		q.emit("c", tocsin.Failed, tocsin.Critical) // which nobody silenced
		q.after(2 * time.Hour)
		if diff := cmp.Diff([]string{"a failed", "b failed"}, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		mails := q.servers["one"].mails()
		if len(mails) != 2 || strings.Contains(string(mails[0].data), "file top") {
			t.Fatalf("got %d mails, or of what is not asked", len(mails))
		}
		if text := strings.ReplaceAll(string(mails[1].data), "=\r\n", ""); !strings.Contains(text, "Not recovered by then: b: r. Failed behind it: file top.") {
			t.Errorf("got\n%s", text)
		}
	})
}

// TestWhatIsLateIsOfNow: so is what could not be sent for a while.
func TestWhatIsLateIsOfNow(t *testing.T) {
	now := noon()
	for _, tt := range []struct {
		name string
		ev   tocsin.Event
		want bool
	}{
		{"at once", tocsin.Event{Type: tocsin.Failed, At: now, Dependants: make([]tocsin.Dependant, 1)}, false},
		{"late", tocsin.Event{Type: tocsin.Failed, At: now.Add(-time.Hour), Dependants: make([]tocsin.Dependant, 1)}, true},
		{"nothing depends on it", tocsin.Event{Type: tocsin.Failed, At: now.Add(-time.Hour)}, false},
		{"its end", tocsin.Event{Type: tocsin.Recovered, At: now.Add(-time.Hour), Dependants: make([]tocsin.Dependant, 1)}, false},
	} {
		got := false
		c := &Courier{Renew: func([]*tocsin.Event) { got = true }}
		j := job{waiting: []spool.Waiting{{Item: &spool.Item{Event: &tt.ev}}}}
		if c.renew(j, j.events(), now); got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}
