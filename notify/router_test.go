package notify

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/notify/spool"
)

// severe matches events of one severity.
type severe tocsin.Severity

func (s severe) Match(ev *tocsin.Event) bool { return ev.Severity == tocsin.Severity(s) }

func routed(r Router, severity tocsin.Severity) string {
	var names []string
	for _, t := range r.Targets(&tocsin.Event{Severity: severity}) {
		names = append(names, t.Notifier+"="+strings.Join(t.Addresses, ",")+t.Hold.String())
	}
	return strings.Join(names, " ")
}

func TestTargets(t *testing.T) {
	mails := []Mail{
		{Name: "ops", To: []string{"Ops <ops@x>"}, Cc: []string{"ops@x", "cc@x"}, Bcc: []string{"bcc@x"}},
		{Name: "boss", To: []string{"boss@x"}},
	}
	first := Route{When: severe(tocsin.Critical), Notify: []string{"boss"}}
	tests := []struct {
		name     string
		routes   []Route
		severity tocsin.Severity
		want     string
	}{
		{"no route: everybody", nil, tocsin.Info, "ops=ops@x,cc@x,bcc@x0s boss=boss@x0s"},
		{"the first match", []Route{first, {Notify: []string{"ops"}}}, tocsin.Critical, "boss=boss@x0s"},
		{"the next match", []Route{first, {Notify: []string{"boss"}, Group: time.Minute}}, tocsin.Info, "boss=boss@x1m0s"},
		{"continue, each once", []Route{{Notify: []string{"boss"}, Continue: true}, {Notify: []string{"boss", "boss"}}}, tocsin.Info, "boss=boss@x0s"},
		{"no match: nobody", []Route{first}, tocsin.Info, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := routed(Router{Routes: tt.routes, Mails: mails}, tt.severity); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReminderOfARoute(t *testing.T) {
	r := Router{Routes: []Route{
		{When: severe(tocsin.Critical), Reminder: time.Hour},
		{Continue: true},
		{Reminder: 4 * time.Hour},
	}}
	for severity, want := range map[tocsin.Severity]time.Duration{tocsin.Critical: time.Hour, tocsin.Info: 4 * time.Hour} {
		if got := r.FollowUp(&tocsin.Event{Severity: severity})(noon()).Reminder; got != want {
			t.Errorf("%v: got %v, want %v", severity, got, want)
		}
	}
	r.Routes = []Route{{Notify: []string{"ops"}}, {Reminder: time.Hour}}
	if r.FollowUp(&tocsin.Event{}) != nil {
		t.Error("got a reminder of a route that is never reached")
	}
}

// TestADiskThatIsFullStopsNoAlert: the event is sent from memory, says so, and
// becomes durable later without being doubled.
func TestADiskThatIsFullStopsNoAlert(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	s, err := spool.Open(dir, log, noon())
	if err != nil {
		t.Fatal(err)
	}
	router := Router{Mails: []Mail{{Name: "ops", To: []string{"ops@x"}}}}
	desk := &Desk{Spool: s, Log: log, Router: func() Router { return router }}
	queue := filepath.Join(dir, "queue")
	if err := os.Rename(queue, queue+".away"); err != nil {
		t.Fatal(err)
	}
	ev := tocsin.Event{ID: strings.Repeat("a", 32), Type: tocsin.Failed, At: noon()}
	for range 2 {
		if err := desk.Emit(ev); err == nil {
			t.Fatal("the event was acknowledged without a disk")
		}
	}
	w := s.Waiting()
	if len(w) != 1 || !w[0].Held || !strings.Contains(w[0].Item.Event.Note, "sent from memory") {
		t.Fatalf("got %+v, want one held item with a note", w)
	}
	if err := os.Rename(queue+".away", queue); err != nil {
		t.Fatal(err)
	}
	if err := desk.Emit(ev); err != nil {
		t.Fatal(err)
	}
	if w := s.Waiting(); len(w) != 1 || w[0].Held {
		t.Errorf("got %+v, want it durable and once", w)
	}
	router = Router{Routes: []Route{{When: severe(99)}}}
	if err := desk.Emit(tocsin.Event{ID: strings.Repeat("b", 32)}); err != nil {
		t.Errorf("got %v for an event that goes to nobody", err)
	}
}

func TestHooks(t *testing.T) {
	r := Router{
		Routes: []Route{{Notify: []string{"ops"}, Group: time.Minute}},
		Mails:  []Mail{{Name: "ops", To: []string{"ops@x"}}, {Name: "boss", To: []string{"boss@x"}}},
		Hooks:  map[string]Hook{HookShutdown: {Notify: []string{"boss"}, Template: "down"}, HookBoot: {Template: "up"}, HookUnit: {Notify: []string{"boss"}}},
	}
	tests := []struct {
		name string
		ev   tocsin.Event
		want spool.Target
	}{
		{"a hook's own notifier", tocsin.Event{Type: tocsin.Shutdown}, spool.Target{Notifier: "boss", Addresses: []string{"boss@x"}, Template: "down"}},
		{"by the routes, but at once", tocsin.Event{Type: tocsin.Boot}, spool.Target{Notifier: "ops", Addresses: []string{"ops@x"}, Template: "up"}},
		{"a unit", tocsin.Event{Type: tocsin.Failed, Kind: UnitKind, Rule: UnitRule}, spool.Target{Notifier: "boss", Addresses: []string{"boss@x"}}},
		{"its end", tocsin.Event{Type: tocsin.Recovered, Kind: UnitKind, Rule: UnitRule, Mark: &tocsin.Mark{Notified: []string{"boss"}}}, spool.Target{Notifier: "boss", Addresses: []string{"boss@x"}}},
		{
			"a rule of that name",
			tocsin.Event{Type: tocsin.Failed, Kind: UnitKind, Rule: UnitRule, Mark: &tocsin.Mark{Epoch: "e", Notified: []string{}}},
			spool.Target{Notifier: "ops", Addresses: []string{"ops@x"}, Hold: time.Minute},
		},
		{"anything else", tocsin.Event{Type: tocsin.Failed}, spool.Target{Notifier: "ops", Addresses: []string{"ops@x"}, Hold: time.Minute}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff([]spool.Target{tt.want}, r.Targets(&tt.ev)); diff != "" {
				t.Errorf("targets differ (-want +got):\n%s", diff)
			}
		})
	}
}
