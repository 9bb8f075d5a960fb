package silence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/internal/durable"
	"tocsin/internal/schedule"
)

// three is three in the morning.
func three() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) }

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		about About
		want  string // of the checks below, those that are covered
	}{
		{"nothing", About{}, ""},
		{"everything", About{All: true}, "process.nginx unit.nginx filesystem.disks:/srv system.tocsin"},
		{"a name of two kinds", About{Names: []string{"nginx"}}, "process.nginx unit.nginx"},
		{"one of them", About{Names: []string{"unit.nginx"}}, "unit.nginx"},
		{"a kind", About{Kinds: []string{"filesystem"}}, "filesystem.disks:/srv"},
		{"a kind, as it was written before", About{Names: []string{"filesystem"}}, "filesystem.disks:/srv"},
		{"a kind is no check", About{Kinds: []string{"nginx"}}, ""},
		{"a check that stands for several", About{Names: []string{"disks"}}, "filesystem.disks:/srv"},
		{"a group", About{Groups: []string{"web"}}, "process.nginx"},
		{"part of a name", About{Names: []string{"ngin", "process.", ""}, Groups: []string{"we"}}, ""},
	} {
		var got []string
		for _, c := range []struct {
			kind, name string
			groups     []string
		}{{"process", "nginx", []string{"web"}}, {"unit", "nginx", nil}, {"filesystem", "disks:/srv", []string{"db"}}, {"system", "tocsin", nil}} {
			if tt.about.Covers(c.kind, c.name, c.groups) {
				got = append(got, c.kind+"."+c.name)
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestOneMoment: what is asked again about the same moment is as it has become.
func TestOneMoment(t *testing.T) {
	b, err := Open(filepath.Join(t.TempDir(), "silences.json"))
	if err != nil {
		t.Fatal(err)
	}
	until := func(kind string) time.Time {
		s, _ := b.Of(kind, "x", nil, three())
		return s.Until
	}
	if got := until("process"); !got.IsZero() {
		t.Errorf("got %v before", got)
	}
	if _, err := b.Begin(About{Names: []string{"process"}}, three().Add(time.Hour), "", "", three()); err != nil {
		t.Fatal(err)
	}
	if got := until("process"); !got.Equal(three().Add(time.Hour)) {
		t.Errorf("got %v once silenced", got)
	}
	b.Plan([]Maintenance{nightly(t, "0 3 * * *", "UTC", 2*time.Hour)})
	if got, all := until("process"), b.List(three()); len(all) != 2 || !got.Equal(three().Add(2*time.Hour)) {
		t.Errorf("got %v of %v with the maintenance", got, all)
	}
	if _, err := b.EndAll(three()); err != nil {
		t.Fatal(err)
	}
	if got := until("process"); !got.IsZero() {
		t.Errorf("got %v after the end", got)
	}
}

func nightly(t *testing.T, line, zone string, length time.Duration) Maintenance {
	t.Helper()
	l, err := schedule.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return Maintenance{Name: "nightly", About: About{All: true}, Schedule: schedule.Schedule{Every: []schedule.Line{l}, Zone: loc}, Duration: length, Reason: "backups"}
}

func TestWindow(t *testing.T) {
	berlin := nightly(t, "0 2 * * *", "Europe/Berlin", 2*time.Hour) // 01:00 to 03:00 UTC in winter
	for _, tt := range []struct {
		name string
		m    Maintenance
		now  string
		want string // "from until"
	}{
		{"a second before", berlin, "2026-11-22T00:59:59Z", ""},
		{"its first moment", berlin, "2026-11-22T01:00:00Z", "2026-11-22T01:00 2026-11-22T03:00"},
		{"within", berlin, "2026-11-22T02:30:30Z", "2026-11-22T01:00 2026-11-22T03:00"},
		{"its last second", berlin, "2026-11-22T02:59:59Z", "2026-11-22T01:00 2026-11-22T03:00"},
		{"its end", berlin, "2026-11-22T03:00:00Z", ""},
		{"the clock goes forward over its beginning", berlin, "2027-03-28T01:30:00Z", "2027-03-28T01:00 2027-03-28T03:00"},
		{"the clock goes back: the first two o'clock", berlin, "2027-10-31T00:10:00Z", "2027-10-31T00:00 2027-10-31T02:00"},
		{"the second one begins none", berlin, "2027-10-31T02:10:00Z", ""},
		{"over midnight", nightly(t, "30 23 * * sat", "UTC", 3*time.Hour), "2026-11-22T02:00:00Z", "2026-11-21T23:30 2026-11-22T02:30"},
		{"days long", nightly(t, "0 0 * * fri", "UTC", 72*time.Hour), "2026-11-22T23:59:00Z", "2026-11-20T00:00 2026-11-23T00:00"},
		{"two that are close", nightly(t, "0,10 * * * *", "UTC", 9*time.Minute), "2026-11-22T03:12:00Z", "2026-11-22T03:10 2026-11-22T03:19"},
		{"between them", nightly(t, "0,10 * * * *", "UTC", 9*time.Minute), "2026-11-22T03:09:30Z", ""},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if from, until, ok := tt.m.Window(now); ok {
			got = from.UTC().Format("2006-01-02T15:04") + " " + until.UTC().Format("2006-01-02T15:04")
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func open(t *testing.T, path string) *Book {
	t.Helper()
	b, damaged := Open(path)
	if damaged != nil {
		t.Fatal(damaged)
	}
	return b
}

func TestTheOneThatEndsLastHoldsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silences.json")
	b, now := open(t, path), three()
	b.Plan([]Maintenance{nightly(t, "0 3 * * *", "UTC", time.Hour)})
	for _, d := range []time.Duration{30 * time.Minute, 2 * time.Hour, 10 * time.Minute} {
		if _, err := b.Begin(About{Names: []string{"nginx"}}, now.Add(d), "  new\ncertificate ", "alice", now); err != nil {
			t.Fatal(err)
		}
	}
	ev := &tocsin.Event{Kind: "process", Check: "nginx"}
	s, ok := b.Over(ev, now)
	if !ok || s.Name != "2" || s.Reason != "new certificate" || s.By != "alice" {
		t.Errorf("got %+v, %t", s, ok)
	}
	if s, _ := b.Over(&tocsin.Event{Kind: "system", Check: "host"}, now); s.Name != "nightly" || !s.Maintenance {
		t.Errorf("got %+v", s)
	}
	// Another run of the agent knows them, but for the maintenance of a rule
	// file that it has not read yet.
	again := open(t, path)
	if got, ok := again.Over(ev, now); !ok || !got.Until.Equal(s.Until) {
		t.Errorf("got %+v, %t after a restart", got, ok)
	}
	if got := again.Until(s.Key(), now); !got.Equal(s.Until) {
		t.Errorf("held until %s, want %s", got, s.Until)
	}
	for at, want := range map[time.Duration]string{0: "3 1 nightly 2", 10 * time.Minute: "1 nightly 2", time.Hour: "2", 2 * time.Hour: ""} {
		var names []string
		for _, s := range b.List(now.Add(at)) {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("after %s: got %q, want %q", at, got, want)
		}
	}
	if _, ok := b.Over(ev, now.Add(-48*24*time.Hour+5*time.Hour)); ok {
		t.Error("a silence lasts for ever when the clock goes back")
	}
}

func TestEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silences.json")
	b, now := open(t, path), three()
	plan := []Maintenance{nightly(t, "0 3 * * *", "UTC", time.Hour)}
	b.Plan(plan)
	told := make(chan struct{}, 10)
	b.Watch(func() { told <- struct{}{} })
	for _, names := range [][]string{{"nginx"}, {"nginx", "mysql"}, {"nginx"}} {
		if _, err := b.Begin(About{Names: names}, now.Add(time.Hour), "", "", now); err != nil {
			t.Fatal(err)
		}
		<-told
	}
	for _, tt := range []struct{ name, want, left string }{
		{"nginx", "1 3", "2 nightly"},
		{"nightly", "nightly", "2"},
		{"2", "2", ""},
	} {
		ended, err := b.End(tt.name, now)
		if err != nil {
			t.Fatal(err)
		}
		<-told
		if got := names(ended); got != tt.want {
			t.Errorf("end %s: got %q, want %q", tt.name, got, tt.want)
		}
		if got := names(b.List(now)); got != tt.left {
			t.Errorf("end %s: %q are left, want %q", tt.name, got, tt.left)
		}
	}
	if _, err := b.End("nightly", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	// The maintenance stays ended over a restart, and comes again tomorrow.
	again := open(t, path)
	again.Plan(plan)
	if got := names(again.List(now.Add(30 * time.Minute))); got != "" {
		t.Errorf("%q is in force again", got)
	}
	if got := names(again.List(now.Add(24 * time.Hour))); got != "nightly" {
		t.Errorf("got %q the next day", got)
	}
	if ended, err := again.EndAll(now); err != nil || len(ended) != 0 {
		t.Errorf("got %v, %v", ended, err)
	}
	// The number of an old silence is not used again.
	s, err := again.Begin(About{All: true}, now.Add(time.Minute), "", "", now)
	if err != nil || s.Name != "4" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func names(all []Spell) string {
	var out []string
	for _, s := range all {
		out = append(out, s.Name)
	}
	return strings.Join(out, " ")
}

func TestRefused(t *testing.T) {
	b, now := open(t, filepath.Join(t.TempDir(), "silences.json")), three()
	all := About{All: true}
	for _, tt := range []struct {
		name   string
		about  About
		length time.Duration
		reason string
		want   string
	}{
		{"of nothing", About{}, time.Hour, "", "not silenced: of what?"},
		{"over already", all, 0, "", "not silenced: its end, 2026-11-22 03:00:00, is over"},
		{"for ever", all, Longest + time.Second, "", "not silenced: a silence lasts at most 31 days; for what comes back there are maintenance blocks"},
		{"a novel", all, time.Hour, strings.Repeat("x", 501), "not silenced: a reason has at most 500 bytes"},
	} {
		_, err := b.Begin(tt.about, now.Add(tt.length), tt.reason, "", now)
		if !errors.Is(err, ErrRefused) || err.Error() != tt.want {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	for range maxSilences {
		b.kept.Silences = append(b.kept.Silences, Spell{From: now, Until: now.Add(time.Hour)})
	}
	if _, err := b.Begin(all, now.Add(time.Hour), "", "", now); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Begin(all, now.Add(2*time.Hour), "", "", now.Add(time.Hour)); err != nil {
		t.Errorf("those that are over are in the way: %v", err)
	}
}

func TestADamagedBookSilencesNothing(t *testing.T) {
	for name, text := range map[string]string{"torn": `{"version":1,"sil`, "before all": `{"version":0}`, "empty": ""} {
		path := filepath.Join(t.TempDir(), "silences.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, damaged := Open(path)
		if damaged == nil || !strings.Contains(damaged.Error(), path) {
			t.Fatalf("%s: got %v", name, damaged)
		}
		if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != text {
			t.Errorf("%s: not kept: %q, %v", name, kept, err)
		}
		if _, err := b.Begin(About{All: true}, three().Add(time.Hour), "", "", three()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestABookOfALaterVersionIsSetAside: whatever is in it, it is kept under its
// version, and what the damaged one was is not overwritten.
func TestABookOfALaterVersionIsSetAside(t *testing.T) {
	path, text := filepath.Join(t.TempDir(), "silences.json"), `{"version":2,"silences":{"of":"another type"}}`
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.WriteFile(path+".damaged", []byte("of before"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if b := Read(path, nil); len(b.List(three())) != 0 {
		t.Errorf("got %v", b.List(three()))
	}
	b, set := Open(path)
	if !errors.Is(set, durable.ErrNewer) || !strings.Contains(set.Error(), "silences.json.version-2") || len(b.List(three())) != 0 {
		t.Errorf("got %v, want a durable.ErrNewer", set)
	}
	for name, want := range map[string]string{path + ".version-2": text, path + ".damaged": "of before"} {
		if kept, err := os.ReadFile(name); err != nil || string(kept) != want {
			t.Errorf("%s: got %q, %v", name, kept, err)
		}
	}
	if _, err := b.Begin(About{All: true}, three().Add(time.Hour), "", "", three()); err != nil {
		t.Error(err)
	}
	if _, again := Open(path); again != nil {
		t.Error(again)
	}
}

func TestSpellInWords(t *testing.T) {
	was := time.Local
	time.Local = time.UTC
	defer func() { time.Local = was }()
	s := Spell{Name: "7", About: About{Names: []string{"process.nginx", "filesystem"}, Groups: []string{"web"}}, From: three(), Until: three().Add(2 * time.Hour), Reason: "deploy", By: "alice"}
	want := []string{
		"silence 7 of process.nginx, filesystem, group web, from 2026-11-22 03:00:00 to 05:00:00, by alice: deploy",
		"maintenance nightly of everything, from 2026-11-22 03:00:00 to 2026-11-23 05:00:00",
	}
	m := Spell{Name: "nightly", Maintenance: true, About: About{All: true}, From: three(), Until: three().Add(26 * time.Hour)}
	if diff := cmp.Diff(want, []string{s.String(), m.String()}); diff != "" {
		t.Error(diff)
	}
}

func TestEndByGroup(t *testing.T) {
	b, now := open(t, filepath.Join(t.TempDir(), "silences.json")), three()
	if _, err := b.Begin(About{Groups: []string{"web"}}, now.Add(time.Hour), "", "", now); err != nil {
		t.Fatal(err)
	}
	if ended, err := b.End("web", now); err != nil || names(ended) != "1" {
		t.Errorf("got %v, %v", ended, err)
	}
}

// TestNoFileKeepsTheAgentFromStarting, whatever somebody put in its place.
func TestNoFileKeepsTheAgentFromStarting(t *testing.T) {
	dir := t.TempDir()
	for name, plant := range map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"sparse": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40))
		},
		"nowhere to put it": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte("{"), 0o600), os.MkdirAll(path+".damaged/x", 0o700))
		},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := plant(path); err != nil {
			t.Fatal(err)
		}
		b, damaged := Open(path)
		if damaged == nil || b == nil || len(b.List(three())) != 0 {
			t.Errorf("%s: got %v", name, damaged)
		}
		if got := Read(path, nil).List(three()); len(got) != 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestEndOfChecksOfAName: a silence that was asked for by a name, and is about the
// checks that have it, is ended by that name.
func TestEndOfChecksOfAName(t *testing.T) {
	b, now := open(t, filepath.Join(t.TempDir(), "silences.json")), three()
	for _, about := range []About{
		{Names: []string{"system.host", "file.host"}},
		{Names: []string{"system.host", "file.web"}},
		{Names: []string{"system.host"}, Groups: []string{"web"}},
		{Kinds: []string{"file"}},
		{Names: []string{"process.db"}},
		{Names: []string{"db"}},
	} {
		if _, err := b.Begin(about, now.Add(time.Hour), "", "", now); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, want string }{{"host", "1"}, {"file", "4"}, {"db", "6"}, {"db", "5"}} {
		if ended, err := b.End(tt.name, now); err != nil || names(ended) != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.name, ended, err, tt.want)
		}
	}
	if _, err := b.End("host", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Begin(About{}, now.Add(time.Hour), "", "", now); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v for a silence of nothing", err)
	}
}
