package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/schedule"
)

// by is a schedule of one line.
func by(t *testing.T, every, except string) schedule.Schedule {
	t.Helper()
	s := schedule.Schedule{Zone: time.UTC}
	for _, l := range []struct {
		text string
		to   *[]schedule.Line
	}{{every, &s.Every}, {except, &s.Except}} {
		if l.text == "" {
			continue
		}
		line, err := schedule.Parse(l.text)
		if err != nil {
			t.Fatal(err)
		}
		*l.to = append(*l.to, line)
	}
	return s
}

// people is a router with a day, a night, and two escalations.
func people(t *testing.T) Router {
	t.Helper()
	return Router{
		Mails: []Mail{
			{Name: "day", To: []string{"day@x"}},
			{Name: "night", To: []string{"night@x"}},
			{Name: "boss", To: []string{"boss@x"}},
			{Name: "cto", To: []string{"cto@x"}},
		},
		Routes: []Route{
			{
				During: by(t, "* 8-17 * * mon-fri", ""), Notify: []string{"day"}, Group: time.Minute, Reminder: 4 * time.Hour,
				Escalate: []Escalation{{30 * time.Minute, []string{"boss"}}},
			},
			{
				During: by(t, "", "* 8-17 * * mon-fri"), Notify: []string{"night"},
				Escalate: []Escalation{{2 * time.Hour, []string{"boss", "cto"}}},
			},
		},
	}
}

func TestWhoIsTold(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	night, sunday := day.Add(8*time.Hour), day.AddDate(0, 0, -1)
	told := func(names ...string) *tocsin.Mark { return &tocsin.Mark{Notified: append([]string{}, names...)} }
	tests := []struct {
		name string
		ev   tocsin.Event
		want string
	}{
		{"by day", tocsin.Event{Type: tocsin.Failed, At: day}, "day 1m0s"},
		{"by night", tocsin.Event{Type: tocsin.Failed, At: night}, "night 0s"},
		{"on Sunday", tocsin.Event{Type: tocsin.Changed, At: sunday}, "night 0s"},
		{"the last minute", tocsin.Event{Type: tocsin.Failed, At: day.Add(6*time.Hour - time.Second)}, "day 1m0s"},
		{"the first minute", tocsin.Event{Type: tocsin.Failed, At: day.Add(6 * time.Hour)}, "night 0s"},
		{"a recovery follows its failure", tocsin.Event{Type: tocsin.Recovered, At: night, Mark: told("day")}, "day 0s"},
		{"and keeps its group", tocsin.Event{Type: tocsin.Recovered, At: day, Mark: told("day")}, "day 1m0s"},
		{"and everybody who was told since", tocsin.Event{Type: tocsin.Recovered, At: night, Mark: told("day", "night", "boss")}, "night 0s day 0s boss 0s"},
		{"nobody was told", tocsin.Event{Type: tocsin.Recovered, At: day, Mark: told()}, ""},
		{"one who is no more", tocsin.Event{Type: tocsin.Recovered, At: day, Mark: told("gone", "night")}, "night 0s"},
		{"none of whom is any more", tocsin.Event{Type: tocsin.Recovered, At: day, Mark: told("gone")}, "day 1m0s"},
		{"it is not known who", tocsin.Event{Type: tocsin.Recovered, At: night, Mark: &tocsin.Mark{}}, "night 0s"},
		{"no mark", tocsin.Event{Type: tocsin.Recovered, At: night}, "night 0s"},
		{"a reminder goes by the hour", tocsin.Event{Type: tocsin.Reminder, At: night, Mark: told("day")}, "night 0s"},
		{"an action goes by the hour", tocsin.Event{Type: tocsin.Action, At: night, Mark: told("day")}, "night 0s"},
		{"an escalation", tocsin.Event{Type: tocsin.Escalation, At: night, Step: "30m0s boss"}, "boss 0s"},
		{"to several", tocsin.Event{Type: tocsin.Escalation, At: day, Step: "2h0m0s boss cto"}, "boss 0s cto 0s"},
		{"one that a reload took away", tocsin.Event{Type: tocsin.Escalation, At: day, Step: "1h0m0s boss"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, target := range people(t).Targets(&tt.ev) {
				got = append(got, target.Notifier+" "+target.Hold.String())
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}

// TestARecoveryWithoutRoutes is told to those who heard of the failure, also
// where every event goes to everybody.
func TestARecoveryWithoutRoutes(t *testing.T) {
	r := people(t)
	r.Routes = nil
	targets := r.Targets(&tocsin.Event{Type: tocsin.Recovered, Mark: &tocsin.Mark{Notified: []string{"cto"}}})
	if len(targets) != 1 || targets[0].Notifier != "cto" {
		t.Errorf("got %+v, want cto alone", targets)
	}
}

func TestFollowUpGoesByTheHour(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	follow := people(t).FollowUp(&tocsin.Event{Type: tocsin.Failed})
	for at, want := range map[time.Time]string{day: "4h0m0s 30m0s boss", day.Add(8 * time.Hour): "0s 2h0m0s boss cto"} {
		f := follow(at)
		got := f.Reminder.String()
		for _, e := range f.Escalations {
			got += " " + e.Step()
		}
		if got != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	failed := tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Warning, Name: "Connection failed"}
	recovered := tocsin.Event{Type: tocsin.Recovered, Severity: tocsin.Warning, Name: "Connection succeeded"}
	boot := tocsin.Event{Type: tocsin.Boot, Name: "Boot"}
	reminder := failed
	reminder.Type = tocsin.Reminder
	tests := []struct {
		name      string
		only, not string
		ev        tocsin.Event
		want      bool
	}{
		{"none", "", "", boot, true},
		{"the word", "connection", "", failed, true},
		{"its recovery", "connection", "", recovered, true},
		{"another word", "resource", "", failed, false},
		{"one of two", "resource connection", "", failed, true},
		{"refused", "", "connection", failed, false},
		{"its recovery is refused", "", "connection", recovered, false},
		{"not refused", "", "connection", boot, true},
		{"severity", "critical", "", failed, false},
		{"severity of a recovery", "warning", "", recovered, true},
		{"type", "boot shutdown", "", boot, true},
		{"a recovery follows", "failed", "", recovered, true},
		{"a reminder follows", "failed", "", reminder, true},
		{"the metric", "cpu", "", tocsin.Event{Type: tocsin.Failed, Metric: "cpu.percent"}, true},
		{"its recovery too", "cpu", "", tocsin.Event{Type: tocsin.Recovered, Metric: "cpu.percent"}, true},
		{"another metric", "cpu", "", tocsin.Event{Type: tocsin.Failed, Metric: "cpus"}, false},
		{"a metric that is a type", "failed", "", tocsin.Event{Type: tocsin.Changed, Metric: "failed"}, false},
		{"no recoveries", "", "recovered", recovered, false},
		{"but failures", "", "recovered", failed, true},
		{"only, and not", "failed", "reminder", reminder, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Filter{strings.Fields(tt.only), strings.Fields(tt.not)}
			if got := f.Admits(&tt.ev); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestAddressesHaveFilters leaves out who does not want the event, in the target
// and in the header of its mail.
func TestAddressesHaveFilters(t *testing.T) {
	m := Mail{
		Name: "ops", To: []string{"All <all@x>", "Bob <Bob@x>"}, Cc: []string{"cc@x"},
		Filters: map[string]Filter{"bob@x": {Only: []string{"critical"}}, "cc@x": {Not: []string{"boot"}}},
	}
	for _, tt := range []struct {
		ev       tocsin.Event
		want, to string
	}{
		{tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Critical}, "all@x Bob@x cc@x", "All <all@x> Bob <Bob@x>"},
		{tocsin.Event{Type: tocsin.Failed}, "all@x cc@x", "All <all@x>"},
		{tocsin.Event{Type: tocsin.Boot}, "all@x", "All <all@x>"},
	} {
		if got := strings.Join(m.target(&tt.ev, 0).Addresses, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.ev.Type, got, tt.want)
		}
		if got := strings.Join(m.shown(m.To, []tocsin.Event{tt.ev}), " "); got != tt.to {
			t.Errorf("%s: the header names %q, want %q", tt.ev.Type, got, tt.to)
		}
	}
	m.Filter = Filter{Only: []string{"link"}}
	if targets := (Router{Mails: []Mail{m}}).Targets(&tocsin.Event{Type: tocsin.Failed}); len(targets) != 0 {
		t.Errorf("got %+v, want nobody", targets)
	}
}

func TestTheDeskNotesWhoIsTold(t *testing.T) {
	names := func(ev *tocsin.Event) []string { return notified(ev, []string{"ops", "boss"}).Mark.Notified }
	for _, tt := range []struct {
		kind   tocsin.EventType
		before []string
		want   []string
	}{
		{tocsin.Failed, []string{}, []string{"ops", "boss"}},
		{tocsin.Escalation, []string{"boss", "x"}, []string{"boss", "x", "ops"}},
		{tocsin.Reminder, nil, nil}, // not known stays so
		{tocsin.Recovered, []string{"x"}, []string{"x"}},
		{tocsin.Action, []string{"x"}, []string{"x"}},
	} {
		ev := &tocsin.Event{Type: tt.kind, Mark: &tocsin.Mark{Notified: tt.before}}
		if got := names(ev); !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%s: got %q, want %q", tt.kind, got, tt.want)
		}
		if !slices.Equal(ev.Mark.Notified, tt.before) {
			t.Errorf("%s: the engine's event was changed", tt.kind)
		}
	}
}

// TestAFilterKeepsNoEndAway from those who were told, whatever a reload has made of
// the rule: a filter on the type of events alone does.
func TestAFilterKeepsNoEndAway(t *testing.T) {
	critical := []tocsin.Terms{{Severity: tocsin.Critical, Name: "Connection failed", Metric: "read.bytes"}}
	grew := []tocsin.Terms{{Severity: tocsin.Warning, Name: "x"}, critical[0]}
	for _, tt := range []struct {
		name      string
		only, not string
		told      bool
		terms     []tocsin.Terms
		// wants are for the filter of a notifier, and of one of its addresses
		notifier, address bool
	}{
		{"severity", "critical", "", true, critical, true, true},
		{"of a reminder", "critical", "", true, grew, true, true},
		{"of what was told before", "", "warning", true, critical, true, true},
		{"what failed", "connection", "", true, critical, true, true},
		{"the metric", "read", "", true, critical, true, true},
		{"one who did not want it", "warning", "", false, critical, false, false},
		{"but wants what it is now", "warning", "", true, critical, true, false},
		{"how is not known", "critical", "", true, nil, true, false},
		{"nor who", "critical", "", false, nil, false, false},
		{"as the routes say", "critical", "", false, critical, true, true},
		{"no ends", "critical", "recovered", true, critical, false, false},
		{"no incidents", "", "failed", true, critical, false, false},
		{"other types", "boot escalation", "", true, critical, false, false},
		{"another type or a severity", "boot critical", "", true, critical, true, true},
		{"incidents", "failed", "", true, critical, true, true},
	} {
		ev := tocsin.Event{Type: tocsin.Recovered, Severity: tocsin.Warning, Name: "No longer watched", Mark: &tocsin.Mark{Terms: tt.terms}}
		if tt.told {
			ev.Mark.Notified = []string{"pager"}
		}
		f := Filter{strings.Fields(tt.only), strings.Fields(tt.not)}
		for _, one := range []struct {
			what string
			mail Mail
			want bool
		}{
			{"notifier", Mail{Name: "pager", To: []string{"p@x"}, Filter: f}, tt.notifier},
			{"address", Mail{Name: "pager", To: []string{"p@x"}, Filters: map[string]Filter{"p@x": f}}, tt.address},
		} {
			if got := len((Router{Mails: []Mail{one.mail}}).Targets(&ev)) > 0; got != one.want {
				t.Errorf("%s, of a %s: got %t, want %t", tt.name, one.what, got, one.want)
			}
		}
	}
}
