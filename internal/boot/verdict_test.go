package boot_test

import (
	"testing"
	"time"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

func TestJudgeSameBoot(t *testing.T) {
	for _, c := range []struct {
		name, record string
		but          func(f *boot.Facts)
		agent        boot.Agent
		away         time.Duration
		about        bool
	}{
		{"crashed", "runs", nil, boot.AgentCrashed, 90 * time.Second, true},
		{"crashed before the first heartbeat", "runs", func(f *boot.Facts) { f.Record.Alive = time.Time{} }, boot.AgentCrashed, 4*time.Hour + 55*time.Second, true},
		{"restarted", "restart", nil, boot.AgentRestarted, time.Minute, false},
		{"started again after a stop", "stop", nil, boot.AgentStopped, time.Minute, false},
		{"after a shutdown that was called off", "down reboot", nil, boot.AgentStopped, time.Minute, false},
		{"clock went back", "stop", func(f *boot.Facts) { f.Now = at("11:00:00") }, boot.AgentStopped, 0, true},
		{"manager not asked", "stop", func(f *boot.Facts) { f.Booted = time.Time{} }, boot.AgentStopped, time.Minute, false},
		{"timestamps within a second", "stop", func(f *boot.Facts) { f.Booted = f.Booted.Add(900 * time.Millisecond) }, boot.AgentStopped, time.Minute, false},
		{"manager not asked in the last run", "stop", func(f *boot.Facts) { f.Record.Booted = time.Time{} }, boot.AgentStopped, time.Minute, false},
		{"soft reboot that was called off", "down soft-reboot", nil, boot.AgentStopped, time.Minute, false},
		{"clock went back at the boot, manager not asked then", "stop", func(f *boot.Facts) {
			f.Record.Booted, f.Booted = time.Time{}, at("09:00:00")
		}, boot.AgentStopped, time.Minute, false},
		{"mark of a shutdown that was called off", "stop", func(f *boot.Facts) {
			f.Mark = markOf("reboot")
			f.Mark.Previous.Key = thisKey
		}, boot.AgentStopped, time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := factsOf(t, c.record, "none", "none")
			f.Record.Key, f.Booted = thisKey, f.Record.Booted
			if c.but != nil {
				c.but(&f)
			}
			v := boot.Judge(f)
			if v.Case != boot.SameBoot || v.Mail() || v.Agent != c.agent || v.Away != c.away || v.AwayAbout != c.about {
				t.Errorf("got %q, mail %v, %q, away %v, about %v, want %q, %v, %v", v.Case, v.Mail(), v.Agent, v.Away, v.AwayAbout, c.agent, c.away, c.about)
			}
		})
	}
}

func TestJudgeFirstStart(t *testing.T) {
	for _, c := range []struct {
		name string
		mark string
		but  func(f *boot.Facts)
		mail bool
	}{
		{"just booted", "none", nil, true},
		{"just booted, mark unit new as well", "new", nil, true},
		{"just booted, mark damaged", "damaged", nil, true},
		{"ten minutes after", "none", func(f *boot.Facts) { f.Now = f.Booted.Add(10 * time.Minute) }, true},
		{"later", "none", func(f *boot.Facts) { f.Now = f.Booted.Add(10*time.Minute + 1) }, false},
		{"later, with a mark of the last boot", "reboot", func(f *boot.Facts) { f.Now = f.Booted.Add(time.Hour) }, false},
		{"clock was set", "none", func(f *boot.Facts) { f.Now, f.Up = f.Booted.Add(time.Hour), time.Minute }, true},
		{"nobody knows when it came up", "none", func(f *boot.Facts) { f.Booted = time.Time{} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := factsOf(t, "none", c.mark, "none")
			if c.but != nil {
				c.but(&f)
			}
			if v := boot.Judge(f); v.Case != boot.FirstStart || v.Mail() != c.mail {
				t.Errorf("got %q, mail %v, want a first start, %v", v.Case, v.Mail(), c.mail)
			}
		})
	}
}

func TestJudgeTakesWhoAndWhyFromTheRecord(t *testing.T) {
	f := factsOf(t, "down reboot", "reboot", "none")
	f.Record.Going.By, f.Record.Going.Wall = "root", "kernel upgrade"
	want := systemd.Going{Kind: systemd.Reboot, By: "root", Wall: "kernel upgrade"}
	if v := boot.Judge(f); v.Going != want {
		t.Errorf("got %+v, want %+v", v.Going, want)
	}
}

func TestBefore(t *testing.T) {
	for _, c := range []struct {
		name, record, mark string
		but                func(f *boot.Facts)
		id, began          string
	}{
		{"record and mark", "runs", "open", nil, string(lastID), markBegan},
		{"record alone", "runs", "none", nil, string(lastID), runBegan},
		{"mark alone", "none", "open", nil, string(lastID), markBegan},
		{"soft reboot", "runs", "none", soft, "", runBegan},
		{"nothing", "none", "none", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := factsOf(t, c.record, c.mark, "none")
			if c.but != nil {
				c.but(&f)
			}
			var began time.Time
			if c.began != "" {
				began = at(c.began)
			}
			if id, since := f.Before(); id != c.id || !since.Equal(began) {
				t.Errorf("got %q, %v, want %q, %v", id, since, c.id, began)
			}
		})
	}
}

// TestJudgeHolds goes through all combinations: what a boot left behind that
// was seen to its end is clean, what was cut never is, and the journal changes
// neither.
func TestJudgeHolds(t *testing.T) {
	records := []string{"damaged", "runs", "stop", "restart", "down reboot", "forced reboot"}
	marks := []string{"none", "new", "damaged", "open", "away", "reboot"}
	journals := []string{"none", "cut", "stopped", "reboot.target"}
	for _, record := range records {
		for _, mark := range marks {
			var endings []boot.Ending
			for _, journal := range journals {
				v := boot.Judge(factsOf(t, record, mark, journal))
				endings = append(endings, v.Ending)
				switch {
				case mark == "reboot" && v.Ending != boot.Clean:
					t.Errorf("%s, %s, %s: got %s, want clean: the mark saw the end", record, mark, journal, v.Ending)
				case mark == "open" && v.Ending != boot.Unclean:
					t.Errorf("%s, %s, %s: got %s, want unclean: the mark did not see the end", record, mark, journal, v.Ending)
				case mark != "reboot" && (record == "runs" || record == "forced reboot" || record == "damaged") && v.Ending == boot.Clean:
					t.Errorf("%s, %s, %s: got clean without a witness", record, mark, journal)
				case v.Ending == boot.Unclean && (v.Cause == "" || v.Why == ""):
					t.Errorf("%s, %s, %s: got no cause or reason", record, mark, journal)
				}
			}
			stopped := (record == "stop" || record == "restart") && (mark == "none" || mark == "new" || mark == "away")
			for _, e := range endings {
				if e != endings[0] && !stopped {
					t.Errorf("%s, %s: got %v, want the journal to change nothing", record, mark, endings)
				}
			}
		}
	}
}
