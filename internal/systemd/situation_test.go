package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// fakeJob is one of ListJobs, a(usssoo).
func fakeJob(unit, kind string) job {
	return job{ID: 1, Unit: unit, Type: kind, State: "waiting", Path: "/job/1", UnitPath: "/unit"}
}

func TestWhatASIGTERMMeans(t *testing.T) {
	stop := fakeJob("tocsin.service", "stop")
	going := func(kind Kind) Situation { return Situation{Going: Going{Kind: kind, Wall: "wall"}, Known: true} }
	for _, c := range []struct {
		name string
		in   facts
		want Situation
	}{
		{"nobody knows", facts{pid1: []string{"/sbin/init"}}, Situation{}},
		{
			"forced",
			facts{
				pid1:     []string{"/lib/systemd/systemd-shutdown", "reboot", "--timeout=90000000us"},
				answered: true, state: "running",
			},
			Situation{Going: Going{Kind: Reboot, Forced: true}, Known: true},
		},
		{"forced, no verb", facts{pid1: []string{"systemd-shutdown"}}, Situation{Going: Going{Kind: Shutdown, Forced: true}, Known: true}},
		{"forced, unknown verb", facts{pid1: []string{"systemd-shutdown", "--x"}}, Situation{Going: Going{Kind: Shutdown, Forced: true}, Known: true}},
		{"stop", facts{answered: true, state: "running", jobs: []job{stop}}, Situation{Job: "stop", Known: true}},
		{"restart", facts{answered: true, state: "degraded", jobs: []job{fakeJob("tocsin.service", "restart")}}, Situation{Job: "restart", Known: true}},
		{"rescue.target", facts{answered: true, state: "maintenance", jobs: []job{stop, fakeJob("rescue.target", "start")}}, Situation{Job: "stop", Known: true}},
		{"kill by hand", facts{answered: true, state: "running", jobs: []job{fakeJob("other.service", "stop")}}, Situation{Known: true}},
		{"reboot", facts{answered: true, state: "stopping", jobs: []job{stop, fakeJob("shutdown.target", "start"), fakeJob("reboot.target", "start")}}, going(Reboot)},
		{"poweroff", facts{answered: true, state: "stopping", jobs: []job{fakeJob("poweroff.target", "start"), fakeJob("shutdown.target", "start"), stop}}, going(Poweroff)},
		{"halt", facts{answered: true, state: "stopping", jobs: []job{fakeJob("halt.target", "start")}}, going(Halt)},
		{"kexec", facts{answered: true, state: "stopping", jobs: []job{fakeJob("kexec.target", "start")}}, going(Kexec)},
		{"soft-reboot", facts{answered: true, state: "stopping", jobs: []job{fakeJob("soft-reboot.target", "start")}}, going(SoftReboot)},
		{"exit", facts{answered: true, state: "stopping", jobs: []job{fakeJob("exit.target", "start")}}, going(Exit)},
		{"unknown way", facts{answered: true, state: "stopping", jobs: []job{stop}}, going(Shutdown)},
		{"while it still boots", facts{answered: true, state: "starting", jobs: []job{stop, fakeJob("reboot.target", "start")}}, going(Reboot)},
		{"a target that stops", facts{answered: true, state: "running", jobs: []job{fakeJob("reboot.target", "stop")}}, Situation{Known: true}},
		{"a service of that name", facts{answered: true, state: "running", jobs: []job{fakeJob("reboot.service", "start")}}, Situation{Known: true}},
	} {
		c.in.unit, c.in.wall = "tocsin.service", "wall"
		if got := judge(c.in); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// proc is a /proc with a PID 1.
func proc(t *testing.T, cmdline ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1", "cmdline"), []byte(strings.Join(cmdline, "\x00")+"\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fakeJobs makes b answer as a manager that is in a state.
func fakeJobs(b *fakeBus, state string, jobs ...job) {
	b.set(managerPath, managerIface, "SystemState", state)
	b.on(managerPath, managerIface+".ListJobs", func([]any) ([]any, *dbus.Error) { return []any{jobs}, nil })
}

func TestTheSituationIsAskedOfTheBus(t *testing.T) {
	b := newFakeBus(t)
	fakeJobs(b, "stopping", fakeJob("tocsin.service", "stop"), fakeJob("reboot.target", "start"))
	b.set(loginPath, loginIface, "WallMessage", "new\nkernel\x1b")
	init := proc(t, "/sbin/init", "splash")
	want := Situation{Going: Going{Kind: Reboot, Wall: "new kernel\ufffd"}, Known: true}
	if got := b.bus().Situation(t.Context(), init, "tocsin.service"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// The manager's own socket knows neither names nor login1.
	private := Bus{System: "unix:path=/nonexistent;tcp:host=example", Private: b.address()}
	b.on(busPath, busName+".Hello", func([]any) ([]any, *dbus.Error) { t.Error("Hello"); return nil, nil })
	want.Going.Wall = ""
	if got := private.Situation(t.Context(), init, "tocsin.service"); got != want {
		t.Errorf("private: got %+v, want %+v", got, want)
	}
	fakeJobs(b, "running", fakeJob("tocsin.service", "restart"))
	if got := private.Situation(t.Context(), init, "tocsin.service"); got != (Situation{Job: "restart", Known: true}) {
		t.Errorf("restart: got %+v", got)
	}
	// A forced shutdown is known without any bus.
	forced := proc(t, "/lib/systemd/systemd-shutdown", "poweroff")
	nobody := Bus{System: "unix:path=/nonexistent", Private: "unix:path=/nonexistent"}
	if got := nobody.Situation(t.Context(), forced, "x.service"); got != (Situation{Going: Going{Kind: Poweroff, Forced: true}, Known: true}) {
		t.Errorf("forced: got %+v", got)
	}
	if got := nobody.Situation(t.Context(), init, "x.service"); got != (Situation{}) {
		t.Errorf("nobody: got %+v", got)
	}
}

func TestTheScheduledFile(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	text := "USEC=1893553445000000\nWARN_WALL=1\nMODE=poweroff\nUID=4294967290\nTTY=pts/0\nWALL_MESSAGE=disk\\nswap \\\"now\\\" \\xc3\\xa9\\x1b \\q\\\n"
	got := parseScheduled(text)
	want := scheduled{kind: Poweroff, at: at, uid: "4294967290", wall: `disk swap "now" é` + "\ufffd" + ` \q\`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(scheduled{})); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		name string
		in   Going
		now  time.Time
		want Going
	}{
		{"due", Going{Kind: Poweroff}, at, Going{Kind: Poweroff, Wall: got.wall, By: "user 4294967290"}},
		{"login1 knows the wall", Going{Kind: Shutdown, Wall: "w"}, at.Add(time.Hour), Going{Kind: Shutdown, Wall: "w", By: "user 4294967290"}},
		{"still to come", Going{Kind: Poweroff}, at.Add(-time.Minute), Going{Kind: Poweroff}},
		{"another one", Going{Kind: Reboot}, at, Going{Kind: Reboot}},
	} {
		if d := got.detail(c.in, c.now); d != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, d, c.want)
		}
	}
	if got := readScheduled(filepath.Join(t.TempDir(), "none")); got != (scheduled{}) {
		t.Errorf("no file: got %+v", got)
	}
	if got := userName("0"); got != "root" {
		t.Errorf("user 0 is %q", got)
	}
}

func FuzzScheduled(f *testing.F) {
	f.Add("USEC=1893553445000000\nMODE=reboot\nUID=0\nWALL_MESSAGE=a\\nb\\\"\\xff\n")
	f.Add("WALL_MESSAGE=\\777\\u12\\U0010ffff\\")
	f.Fuzz(func(t *testing.T, text string) {
		s := parseScheduled(text)
		checkSafe(t, s.wall, maxWall)
	})
}
