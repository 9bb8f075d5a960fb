package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/notify"
)

// TestOnCall asks the routes of an example who is told.
func TestOnCall(t *testing.T) {
	opt := testOptions()
	cfg, problems := config.Load(filepath.Join(root, "examples/oncall.hcl"), opt)
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	r := notify.Router{Routes: cfg.Routes, Mails: cfg.Mails, Labels: cfg.Agent.Labels}
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local) // a Monday
	night, saturday := day.Add(10*time.Hour), day.AddDate(0, 0, -2)
	web, db := []string{"web", "frontend"}, map[string]string{"team": "db"}
	for _, tt := range []struct {
		name string
		ev   tocsin.Event
		want string
	}{
		{"by day", tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Critical, At: day}, "team=team@example.com,bob@example.com"},
		{"Bob gets what is critical", tocsin.Event{Type: tocsin.Failed, At: day}, "team=team@example.com"},
		{"at night", tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Critical, At: night}, "oncall=oncall@example.com"},
		{"on Saturday", tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Critical, At: saturday}, "oncall=oncall@example.com"},
		{"at night, it can wait", tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Warning, At: night}, "team=team@example.com"},
		{"a group", tocsin.Event{Type: tocsin.Failed, Groups: web, At: day}, "team=team@example.com+2m0s"},
		{"a label", tocsin.Event{Type: tocsin.Failed, Labels: db, At: day}, "dba=dba@example.com team=team@example.com"},
		{"the agent itself", tocsin.Event{Type: tocsin.Instance, At: day}, ""},
		{"an escalation", tocsin.Event{Type: tocsin.Escalation, Step: "2h0m0s boss pager", At: day}, "boss=boss@example.com pager=alice@sms.example.net"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, target := range r.Targets(&tt.ev) {
				one := target.Notifier + "=" + strings.Join(target.Addresses, ",")
				if target.Hold > 0 {
					one += "+" + target.Hold.String()
				}
				got = append(got, one)
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
	if f := r.FollowUp(&tocsin.Event{Type: tocsin.Failed, Severity: tocsin.Critical})(night); f.Reminder != time.Hour || len(f.Escalations) != 2 {
		t.Errorf("got %+v at night, want a reminder and two escalations", f)
	}
	if r.FollowUp(&tocsin.Event{Type: tocsin.Failed, Groups: web}) != nil {
		t.Error("got something that follows for the web, want nothing")
	}
	if got := cfg.Mails[0].Fallback; got.After != 30*time.Minute || strings.Join(got.Notify, " ") != "pager" {
		t.Errorf("got fallback %+v", got)
	}
}

// TestRouteConditions loads a condition and asks it about an event in the groups
// web and frontend, with the label team = "db".
func TestRouteConditions(t *testing.T) {
	ev := &tocsin.Event{Type: tocsin.Failed, Check: "nginx", Groups: []string{"web", "frontend"}, Labels: map[string]string{"team": "db"}}
	for when, want := range map[string]bool{
		`contains(event.groups, "web")`:                 true,
		`contains(event.groups, "we")`:                  false,
		`contains(event.check, "gin")`:                  true,
		`contains(["apache", "nginx"], event.check)`:    true,
		`contains(["apache", "lighttpd"], event.check)`: false,
		`event.labels.team == "db"`:                     true,
		`event.labels["team"] == "db"`:                  true,
		`event.labels.site == ""`:                       true,
		`starts_with(event.labels.team, "d")`:           true,
		`!contains(event.groups, event.labels.team)`:    true,
	} {
		text := "mailserver \"local\" {\n  host = \"localhost\"\n  tls = \"none\"\n}\nmail \"ops\" {\n  to = [\"ops@example.com\"]\n}\nroute {\n  notify = [mail.ops]\n  when = " + when + "\n}\n"
		cfg, problems := config.LoadBytes([]byte(text), "tocsin.hcl", testOptions())
		if cfg == nil {
			t.Fatalf("%s: %s", when, problems.Error())
		}
		if got := cfg.Routes[0].When.Match(ev); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
}
