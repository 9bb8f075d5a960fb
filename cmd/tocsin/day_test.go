package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/internal/engine"
	"tocsin/internal/schedule"
	"tocsin/notify"
	"tocsin/notify/quota"
	"tocsin/notify/silence"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

var updateDay = flag.Bool("update", false, "rewrite the list of the mails of a day")

// flapper is what a check of the day reads: from its hour on it fails for four
// minutes of eight, three times.
type flapper struct{ from time.Time }

const (
	flapTime  = 4 * time.Minute
	flapTimes = 3
)

func (f flapper) bad(now time.Time) bool {
	d := now.Sub(f.from)
	return d >= 0 && d < 2*flapTimes*flapTime && d/flapTime%2 == 0
}

// Read reads it.
func (f flapper) Read(context.Context) (tocsin.Reading, error) {
	now := time.Now()
	return tocsin.Reading{At: now, Values: tocsin.ValuesOf(map[string]tocsin.Value{"bad": tocsin.Bool(f.bad(now))})}, nil
}

// isBad is the condition of every rule of the day.
type isBad struct{}

// Eval evaluates it.
func (isBad) Eval(v engine.View) engine.Truth {
	if v.Reading.Values.Of("bad").Truth() {
		return engine.True
	}
	return engine.False
}

// dayCheck is the n-th check of the day. Every fifth is of the kind disk, every
// fourth in the group web, every tenth critical and every third repeated.
func dayCheck(n int, midnight time.Time) engine.Check {
	c := engine.Check{
		Kind: "test", Name: fmt.Sprintf("c%03d", n), Reader: flapper{midnight.Add(time.Duration(n) * 7 * time.Minute)},
		Interval: 2 * time.Minute, Timeout: 10 * time.Second, Fingerprint: "1", Quick: true,
		Rules: []engine.Rule{{
			Name: "bad", When: isBad{}, Severity: tocsin.Warning, Failed: "Failed", Recovered: "Recovered",
			Explain: func(engine.View) (string, string) { return "is bad", "true" },
		}},
	}
	r := &c.Rules[0]
	if n%5 == 0 {
		c.Kind = "disk"
	}
	if n%4 == 0 {
		c.Groups = []string{"web"}
	}
	if n%10 == 0 {
		r.Severity = tocsin.Critical
	}
	if n%3 == 0 {
		r.Reminder = 2 * time.Minute
	}
	return c
}

// day is an agent in fake time: everything from the readings to the wire, but
// for the host and the mail server.
type day struct {
	t        *testing.T
	dir      string
	midnight time.Time
	checks   []engine.Check
	setup    notify.Setup

	spool   *spool.Spool
	ledger  *quota.Ledger
	book    *silence.Book
	courier *notify.Courier
	engine  *engine.Engine
	plan    []silence.Maintenance
	stop    func()

	mu     sync.Mutex
	dead   bool
	events map[string]tocsin.Event // all that were made, by id
	mails  []dayMail
}

type dayMail struct {
	at     time.Time
	events []string // ids
}

func (d *day) at(clock string) time.Time {
	h, err := time.Parse("15:04", clock)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.midnight.Add(time.Duration(h.Hour())*time.Hour + time.Duration(h.Minute())*time.Minute)
}

func (d *day) until(clock string) {
	time.Sleep(time.Until(d.at(clock)))
	synctest.Wait()
}

// Reusable and Close make it a session.
func (d *day) Reusable() bool { return true }

// Close ends it.
func (d *day) Close() error { return nil }

var eventID = regexp.MustCompile(`(?m)^Event-ID: ([0-9a-f]+)\r$`)

// Send takes a mail.
func (d *day) Send(_ context.Context, e smtp.Envelope, data []byte) (smtp.Result, error) {
	m := dayMail{at: time.Now()}
	for _, found := range eventID.FindAllSubmatch(data, -1) {
		m.events = append(m.events, string(found[1]))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mails = append(d.mails, m)
	var r smtp.Result
	for _, to := range e.To {
		r.Recipients = append(r.Recipients, smtp.Verdict{Address: to, Status: smtp.Accepted, Reply: smtp.Reply{Code: 250}})
	}
	return r, nil
}

func (d *day) dial(context.Context, smtp.Server) (notify.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errors.New("connection refused")
	}
	return d, nil
}

// begin starts the agent on what is on the disk.
func (d *day) begin() {
	log, now := slog.New(slog.DiscardHandler), time.Now()
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	var err error
	d.spool, err = spool.Open(filepath.Join(d.dir, "spool"), log, now)
	must(err)
	d.ledger, _, err = quota.Open(filepath.Join(d.dir, "quota.log"), nil, now)
	must(err)
	d.book, err = silence.Open(filepath.Join(d.dir, "silences.json"))
	must(err)
	d.book.Plan(d.plan)
	d.courier, err = notify.NewCourier(d.spool, d.ledger, filepath.Join(d.dir, "accounts.json"), log, now)
	must(err)
	d.courier.Dial, d.courier.Silenced = d.dial, d.book.Still
	d.book.Watch(d.courier.Look)
	state, _, err := engine.OpenState(filepath.Join(d.dir, "state.json"), now)
	must(err)
	events, err := d.spool.Events()
	must(err)
	state.RollForward(events)
	desk := &notify.Desk{Spool: d.spool, Log: log, Silenced: d.book.Over, Router: func() notify.Router { return notify.Router{Mails: d.setup.Mails} }}
	d.engine = engine.New("web-1", slices.Clone(d.checks), state, d.noted(desk), 0, log)
	ctx, cancel := context.WithCancel(d.t.Context())
	var wg sync.WaitGroup
	d.courier.Configure(ctx, d.setup)
	wg.Go(func() { d.courier.Run(ctx) })
	engineCtx, stopEngine := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { d.engine.Run(engineCtx); close(ended) }()
	d.stop = func() {
		stopEngine()
		<-ended
		cancel()
		wg.Wait()
		_ = d.ledger.Close()
	}
}

// reload replaces the checks of a running agent.
func (d *day) reload() {
	d.t.Helper()
	if err := d.engine.Reload(d.t.Context(), "web-1", slices.Clone(d.checks)); err != nil {
		d.t.Fatal(err)
	}
}

// noting is a desk whose events are remembered.
type noting struct {
	day  *day
	desk *notify.Desk
}

func (d *day) noted(desk *notify.Desk) noting { return noting{d, desk} }

// Emit hands an event on.
func (n noting) Emit(ev tocsin.Event) ([]string, error) {
	n.day.mu.Lock()
	n.day.events[ev.ID] = ev
	n.day.mu.Unlock()
	return n.desk.EmitHeld(ev, 0)
}

// TestADay is a day of 200 checks that flap, with three silences, a maintenance,
// a mail server that is dead for two hours, two reloads and a restart. The mails
// that come out are the list in testdata, and beside it: every event is in one
// mail, and what was silenced in that of its silence.
func TestADay(t *testing.T) {
	t.Parallel()
	d := &day{t: t, dir: t.TempDir(), events: map[string]tocsin.Event{}}
	spells := map[string]spell{}
	synctest.Test(t, func(t *testing.T) {
		d.t, d.midnight = t, time.Now()
		for n := range 200 {
			d.checks = append(d.checks, dayCheck(n, d.midnight))
		}
		d.setup = notify.Setup{
			Accounts: []notify.Account{{Server: smtp.Server{Name: "one", Username: "me@x.example"}, Retry: []time.Duration{time.Minute}}},
			Mails:    []notify.Mail{{Name: "ops", From: "me@x.example", To: []string{"ops@x.example"}, Servers: []string{"one"}}},
		}
		two, err := schedule.Parse("0 6 * * *")
		if err != nil {
			t.Fatal(err)
		}
		d.plan = []silence.Maintenance{{
			Name: "nightly", About: silence.About{Names: []string{"disk"}}, Duration: time.Hour,
			Schedule: schedule.Schedule{Every: []schedule.Line{two}, Zone: time.UTC},
		}}
		spells["nightly"] = spell{d.plan[0].About, d.at("06:00"), d.at("07:00"), d.at("07:00")}
		d.begin()
		d.until("02:00")
		d.silence(spells, silence.About{Groups: []string{"web"}}, "04:00", "04:00")
		d.until("08:00")
		d.checks[10].Rules[0].Severity, d.checks[10].Fingerprint = tocsin.Info, "2"
		d.checks = append(d.checks[:199], dayCheck(200, d.midnight))
		d.reload()
		d.until("09:00")
		d.silence(spells, silence.About{Names: []string{"test", "c085"}}, "12:00", "10:30")
		d.until("10:30")
		if _, err := d.book.End("2", time.Now()); err != nil {
			t.Fatal(err)
		}
		d.until("13:00")
		d.kill(true)
		d.until("15:00")
		d.kill(false)
		d.courier.Lift()
		d.until("16:00")
		d.checks = slices.Delete(d.checks, 140, 142) // one of them has failed
		d.reload()
		d.until("18:00")
		d.silence(spells, silence.About{All: true}, "20:30", "20:30")
		d.until("20:00")
		d.stop()
		d.until("20:03")
		d.begin()
		d.until("23:59")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		d.stop()
		if w, l := d.spool.Waiting(), d.spool.Letters(); len(w)+len(l) > 0 {
			t.Errorf("%d events and %d mails are left", len(w), len(l))
		}
	})
	d.judge(t, spells)
	d.compare(t)
}

// spell is a silence as the day means it.
type spell struct {
	about             silence.About
	from, until, told time.Time
}

func (d *day) silence(spells map[string]spell, about silence.About, until, told string) {
	d.t.Helper()
	s, err := d.book.Begin(about, d.at(until), "", "alice", time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	spells[s.Name] = spell{about, s.From, d.at(until), d.at(told)}
}

func (d *day) kill(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}
