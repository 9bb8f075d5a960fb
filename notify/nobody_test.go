package notify

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tocsin"
	"tocsin/notify/spool"
)

// TestNobodyYet: without a mail block events wait, also over a restart, and no more
// than so many; with one they go by the routes, and once.
func TestNobodyYet(t *testing.T) {
	dir := t.TempDir()
	var router Router
	desk := func() *Desk {
		s, err := spool.Open(dir, slog.New(slog.DiscardHandler), noon())
		if err != nil {
			t.Fatal(err)
		}
		return &Desk{Spool: s, Log: slog.New(slog.DiscardHandler), Router: func() Router { return router }}
	}
	d := desk()
	emit := func(i int, severity tocsin.Severity) []string {
		t.Helper()
		told, err := d.EmitHeld(tocsin.Event{
			ID: fmt.Sprintf("%032x", i), Type: tocsin.Failed, At: noon(), Severity: severity, Mark: &tocsin.Mark{Notified: []string{}},
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	if told := emit(1, tocsin.Critical); len(told) != 1 || told[0] != Nobody {
		t.Errorf("got %q", told)
	}
	emit(2, tocsin.Info)
	if err := d.Address(); err != nil || len(d.Spool.Waiting()) != 2 {
		t.Errorf("got %v and %d waiting, want two as before", err, len(d.Spool.Waiting()))
	}
	d = desk()
	if n := len(d.Spool.Waiting()); n != 2 {
		t.Fatalf("got %d after a restart, want two", n)
	}
	setup := Setup{Accounts: []Account{{}}}
	if servers := setup.servers(Nobody, Nobody); len(servers) > 0 {
		t.Errorf("got servers %q for nobody", servers)
	}

	router = Router{
		Mails:  []Mail{{Name: "ops", To: []string{"ops@x"}}},
		Routes: []Route{{When: severe(tocsin.Critical), Notify: []string{"ops"}}},
	}
	for range 2 {
		if err := d.Address(); err != nil {
			t.Fatal(err)
		}
	}
	w := d.Spool.Waiting()
	if len(w) != 1 || w[0].Target.Notifier != "ops" || w[0].Target.Addresses[0] != "ops@x" || w[0].Item.ID != fmt.Sprintf("%032x", 1) {
		t.Fatalf("got %+v, want the critical one for ops", w)
	}
	if got := w[0].Item.Event.Mark.Notified; strings.Join(got, " ") != "" && strings.Join(got, " ") != "ops" {
		t.Errorf("got the mark %q, want nobody in it who is none", got)
	}
	if again := desk().Spool.Waiting(); len(again) != 1 || again[0].Target.Notifier != "ops" {
		t.Errorf("got %+v after a restart", again)
	}

	router = Router{}
	for i := range maxUnaddressed + 5 {
		emit(100+i, tocsin.Info)
	}
	if told := emit(1000, tocsin.Critical); told != nil {
		t.Errorf("got %q, want no more than %d", told, maxUnaddressed)
	}
	if n := len(d.Spool.Waiting()); n != maxUnaddressed+1 {
		t.Errorf("got %d waiting, want %d and the one for ops", n, maxUnaddressed)
	}

	// The end of what waits is told with it, that of what was lost is not.
	over := func(i int, told ...string) []string {
		t.Helper()
		told, err := d.EmitHeld(tocsin.Event{ID: fmt.Sprintf("%032x", i), Type: tocsin.Recovered, At: noon(), Mark: &tocsin.Mark{Notified: append([]string{}, told...)}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	if told := over(2000); told != nil {
		t.Errorf("got %q told of the end of what nobody heard of", told)
	}
	for i := range maxUnaddressed + 5 {
		over(3000+i, Nobody)
	}
	if n := len(d.Spool.Waiting()); n != 2*maxUnaddressed+1 {
		t.Errorf("got %d waiting, want %d and the one for ops", n, 2*maxUnaddressed)
	}
}

// TestRecoveryOfWhatNobodyWasTold: a recovery after the first mail block goes to it.
func TestRecoveryOfWhatNobodyWasTold(t *testing.T) {
	r := Router{Mails: []Mail{{Name: "ops", To: []string{"ops@x"}}}}
	item, ok := r.Item(tocsin.Event{Type: tocsin.Recovered, Mark: &tocsin.Mark{Notified: []string{Nobody}}}, noon())
	if !ok || item.Targets[0].Notifier != "ops" {
		t.Errorf("got %+v", item)
	}
}
