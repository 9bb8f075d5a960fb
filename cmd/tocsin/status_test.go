package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/engine"
)

var statusNow = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC) //nolint:gochecknoglobals // the time of these tests

func someStatus() control.Status {
	return control.Status{
		Version: "1.0", Host: "web-1", Started: statusNow.Add(-50 * time.Hour), Now: statusNow,
		Missing: []string{"early notice of shutdowns: no login1\x1b[2J"},
		Mail:    control.Mail{Waiting: 3, Servers: []control.Server{{Name: "gmail", PausedUntil: statusNow.Add(10 * time.Minute), Reason: "550 5.4.5 Daily user sending limit exceeded"}, {Name: "relay"}}},
		Checks: []control.Check{
			{Kind: "system", Name: "web-1", State: control.OK, What: "cpu.percent 3.1 %, memory.percent 40 %"},
			{Kind: "file", Name: "backup", State: control.Failed, Severity: tocsin.Warning, Since: statusNow.Add(-26 * time.Hour), What: "stale: age 26h > 26h"},
			{Kind: "host", Name: "gateway-of-the-whole-data-center", State: control.NoData, Severity: tocsin.Warning, Since: statusNow.Add(-90 * time.Second), What: "data: dial tcp 192.0.2.1:443: i/o timeout\nand one more line of it"},
			{Kind: "process", Name: "nginx", State: control.Failed, Severity: tocsin.Critical, Since: statusNow.Add(-12 * time.Minute), What: "down: process is not running"},
			{Kind: "filesystem", Name: "root", State: control.Pending, Since: statusNow.Add(-5 * time.Second), What: "space: space.percent 96 % > 95"},
			{Kind: "unit", Name: "new", State: control.Unread},
		},
	}
}

func TestStatusTable(t *testing.T) {
	const want = `web-1: 3 of 6 checks not fine, 3 waiting to be mailed (tocsin 1.0, up 2d)
! early notice of shutdowns: no login1�[2J
! mail server gmail is paused for 10m: 550 5.4.5 Daily user sending limit excee…
STATE    CHECK                        SINCE  WHAT
CRITICAL process nginx                12m    down: process is not running
WARNING  file backup                  26h    stale: age 26h > 26h
no data  host gateway-of-the-whole-d… 1m     data: dial tcp 192.0.2.1:443: i/o …
pending  filesystem root              5s     space: space.percent 96 % > 95
unread   unit new
ok       system web-1                        cpu.percent 3.1 %, memory.percent …
`
	got := statusTable(someStatus(), false)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > tableWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	colored := statusTable(someStatus(), true)
	if !strings.Contains(colored, red+"CRITICAL"+plainly) || strings.Count(colored, "\x1b")%2 != 0 {
		t.Errorf("got %q", colored)
	}
	fine := someStatus()
	fine.Missing, fine.Mail, fine.Checks = nil, control.Mail{}, fine.Checks[:1]
	if got := statusTable(fine, false); !strings.HasPrefix(got, "web-1: 1 check, all fine (") {
		t.Errorf("got %s", got)
	}
}

// TestManySilencesLeaveRoom: what has failed is on the first page.
func TestManySilencesLeaveRoom(t *testing.T) {
	s := someStatus()
	for range 1000 {
		s.Silences = append(s.Silences, control.Silence{About: "process", Until: statusNow.Add(time.Hour)})
	}
	got := statusTable(s, false)
	if n := strings.Count(got, "~ process silenced"); n != maxSilenceRows || !strings.Contains(got, "~ … and 990 more: tocsin silence list\n") {
		t.Errorf("got %d rows in\n%s", n, got)
	}
}

func TestStatusTableOfWhatIsUnmonitored(t *testing.T) {
	const want = `web-1: 1 of 3 checks not fine, 2 unmonitored (tocsin 1.0, up 2d)
STATE       CHECK        SINCE  WHAT
unmonitored process app  12m    gave up: acted on 5 times within 15m0s
unmonitored file backup  26h    by alice
ok          system web-1
`
	s := control.Status{
		Version: "1.0", Host: "web-1", Started: statusNow.Add(-50 * time.Hour), Now: statusNow,
		Checks: []control.Check{
			{Kind: "system", Name: "web-1", State: control.OK},
			{Kind: "file", Name: "backup", State: control.Unmonitored, Since: statusNow.Add(-26 * time.Hour), What: "by alice"},
			{Kind: "process", Name: "app", State: control.Unmonitored, Severity: tocsin.Critical, Since: statusNow.Add(-12 * time.Minute), What: "gave up: acted on 5 times within 15m0s"},
		},
	}
	if got := statusTable(s, false); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestUnmonitoredInTheWordsOfTheSocket(t *testing.T) {
	failed := engine.RuleStatus{Name: "down", Severity: tocsin.Critical, State: engine.RuleState{Failed: true}}
	for name, tt := range map[string]struct {
		state engine.CheckState
		want  tocsin.Severity
	}{
		"by hand":      {engine.CheckState{Unmonitored: statusNow, Why: "by alice"}, tocsin.Info},
		"by the agent": {engine.CheckState{Unmonitored: statusNow, Why: "gave up", Own: true}, tocsin.Critical},
	} {
		got := checkState(engine.CheckStatus{Kind: "process", Name: "nginx", State: tt.state, Rules: []engine.RuleStatus{{Name: "data"}, failed}}, nil)
		if got.State != control.Unmonitored || got.Severity != tt.want || got.What != tt.state.Why || notFine(got) != (tt.want > tocsin.Info) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestWhatIsNotKnownYetIsNotWrong(t *testing.T) {
	once := engine.CheckStatus{Kind: "system", Name: "web-1", Reading: tocsin.Reading{At: statusNow}, Rules: []engine.RuleStatus{{Name: "data"}, {Name: "cpu"}}}
	never, warm, bad, part := once, once, once, once
	never.Reading, warm.Warm, bad.Err = tocsin.Reading{}, true, errors.New("no such process")
	part.Reading.Errors = map[string]error{"cpu.percent": errors.New("no such file")}
	for name, tt := range map[string]struct {
		status engine.CheckStatus
		want   control.State
	}{
		"never read": {never, control.Unread}, "read once": {once, control.Unread}, "read for long": {warm, control.NoData},
		"not readable": {bad, control.NoData}, "in part": {part, control.NoData},
	} {
		if got := checkState(tt.status, nil); got.State != tt.want || notFine(got) != (tt.want == control.NoData) {
			t.Errorf("%s: got %+v, want %s", name, got, tt.want)
		}
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	for name, list := range map[string]any{
		"missing": joined(nil, nil), "events": eventsSince(nil, statusNow).Events,
		"values": checkState(engine.CheckStatus{}, nil).Values, "rules": checkState(engine.CheckStatus{}, nil).Rules,
	} {
		if got, err := json.Marshal(list); err != nil || string(got) != "[]" {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestStatusVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		checks []control.Check
		want   int
	}{
		"none":     {nil, exitOK},
		"ok":       {[]control.Check{{State: control.OK}, {State: control.Pending, Severity: tocsin.Critical}, {State: control.Unread}}, exitOK},
		"warning":  {[]control.Check{{State: control.OK}, {State: control.Failed, Severity: tocsin.Warning}}, exitWarning},
		"no data":  {[]control.Check{{State: control.NoData, Severity: tocsin.Warning}}, exitWarning},
		"critical": {[]control.Check{{State: control.Failed, Severity: tocsin.Warning}, {State: control.Failed, Severity: tocsin.Critical}}, exitCritical},
	} {
		code := exitOK
		if err, ok := verdict(control.Status{Checks: tt.checks}).(*exitError); ok { //nolint:errorlint // its own level
			code = err.code
		}
		if code != tt.want {
			t.Errorf("%s: got %d, want %d", name, code, tt.want)
		}
	}
}

func TestCourse(t *testing.T) {
	var c course
	for i, v := range []float64{1, 1, 1} {
		c.add(statusNow.Add(time.Duration(i)*time.Second), v)
	}
	if got := c.draw(); got != "" {
		t.Errorf("got %q of what never moved", got)
	}
	for i, v := range []float64{0, 7, 3.5, 7} {
		c.add(statusNow.Add(time.Duration(10+i)*time.Second), v)
		c.add(statusNow.Add(time.Duration(10+i)*time.Second), 99) // the same reading, shown again
	}
	if got := c.draw(); got != "▂▂▂▁█▄█" {
		t.Errorf("got %q", got)
	}
	for i := range 100 {
		c.add(statusNow.Add(time.Hour+time.Duration(i)), float64(i))
	}
	if len(c.values) != courseLength {
		t.Errorf("got %d values, want %d", len(c.values), courseLength)
	}
}

func TestWhoseStatus(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.hcl"), filepath.Join(dir, "bad.hcl")
	for path, text := range map[string]string{good: "agent {\n  state_dir = \"/var/lib/mine\"\n}\n", bad: "nonsense {}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ config, state, want string }{
		{good, "", "/var/lib/mine/control.sock"},
		{good, "/srv/other/", "/srv/other/control.sock"},
		{bad, "/srv/other/", "/srv/other/control.sock"},
		{bad, "", config.DefaultSocket},
	} {
		if got := client(&options{config: tt.config, state: tt.state}).Path; got != tt.want {
			t.Errorf("%s, --state %q: got %s, want %s", filepath.Base(tt.config), tt.state, got, tt.want)
		}
	}
}

func TestPlugged(t *testing.T) {
	if got := plugged("a|b\nc\x1b[31m"); got != "a/b c�[31m" {
		t.Errorf("got %q", got)
	}
}

func TestMeant(t *testing.T) {
	all := []engine.Check{
		{Kind: "filesystem", Name: "disks:/"}, {Kind: "filesystem", Name: `disks:"/a\nb"`}, {Kind: "process", Name: "nginx"}, {Kind: "unit", Name: "nginx"},
	}
	for name, tt := range map[string]struct{ names, want []string }{
		"all":     {nil, nil},
		"several": {[]string{"disks"}, []string{"filesystem.disks:/", `filesystem.disks:"/a\nb"`}},
		"one":     {[]string{"disks:/", "unit.nginx"}, []string{"filesystem.disks:/", "unit.nginx"}},
		"kinds":   {[]string{"nginx"}, []string{"process.nginx", "unit.nginx"}},
		"unknown": {[]string{"nginx", "apache"}, []string{"process.nginx", "unit.nginx", "apache"}},
	} {
		if got := meant(all, tt.names); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
