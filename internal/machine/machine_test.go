package machine

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/config"
	"tocsin/internal/systemd"
	"tocsin/internal/testprogram"
	"tocsin/notify"
	"tocsin/notify/spool"
)

const rules = `
mailserver "box" {
  host = "localhost"
  tls  = "none"
}
mail "ops" {
  to = ["ops@example.com"]
}
`

// host is a machine on paper: its files, and no bus.
type host struct {
	t     *testing.T
	dir   string
	quiet atomic.Bool
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir()}
	h.file("proc/sys/kernel/osrelease", "6.1.0-test\n")
	h.file("proc/1/cmdline", "/sbin/init\x00")
	h.boot(1)
	return h
}

func (h *host) file(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := testprogram.Write(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// boot makes this the nth boot.
func (h *host) boot(n int) {
	h.file("proc/sys/kernel/random/boot_id", fmt.Sprintf("%08d-0000-4000-8000-000000000000\n", n))
	h.file("proc/1/stat", "1 (init) S "+strings.Repeat("0 ", 18)+"7 0 0\n")
}

func (h *host) spool() *spool.Spool {
	h.t.Helper()
	s, err := spool.Open(filepath.Join(h.dir, "spool"), slog.New(slog.DiscardHandler), time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// start is a start of the agent with the hooks of a rule file.
func (h *host) start(hooks string) (*Machine, *spool.Spool) {
	h.t.Helper()
	cfg, problems := config.LoadBytes([]byte("agent {\n  defaults = false\n}\n"+rules+hooks), "test.hcl", config.Options{Host: func() string { return "web-1.example.com" }})
	if problems.HasErrors() {
		h.t.Fatal(problems.Error())
	}
	s, log := h.spool(), slog.New(slog.DiscardHandler)
	router := notify.Router{Mails: cfg.Mails, Hooks: cfg.NotifyHooks()}
	nowhere := "unix:path=" + filepath.Join(h.dir, "no-bus")
	m := &Machine{
		Log: log, Desk: &notify.Desk{Spool: s, Log: log, Router: func() notify.Router { return router }}, Spool: s,
		Config: func() *config.Config { return cfg }, Hurry: func() {}, Quiet: h.quiet.Store,
		StateDir: h.dir, Mark: filepath.Join(h.dir, "mark.json"), Root: h.dir, Proc: filepath.Join(h.dir, "proc"),
		Bus: systemd.Bus{System: nowhere, Private: nowhere}, Journal: systemd.Journal{Program: "/no/journalctl"}, Version: "1", Unit: "tocsin.service",
	}
	m.Open(time.Now())
	return m, s
}

// told lists what is in the spool, in a few words.
func told(t *testing.T, s *spool.Spool) []string {
	t.Helper()
	events, err := s.Events()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(events, func(a, b tocsin.Event) int { return a.At.Compare(b.At) })
	var list []string
	for _, ev := range events {
		list = append(list, string(ev.Type)+": "+headline(ev))
	}
	return list
}

func wants(t *testing.T, s *spool.Spool, want ...string) {
	t.Helper()
	got := told(t, s)
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want it to begin with %q", got[i], want[i])
		}
	}
}

const allHooks = `hook "boot" {}
hook "shutdown" { wait = "50ms" }
hook "unit" { except = ["boring-*"] }
`

func TestABootIsToldOnce(t *testing.T) {
	h := newHost(t)
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	wants(t, s) // installed on a running machine
	m.End(t.Context())

	h.boot(2)
	for range 3 { // and the agent is killed twice
		m, s = h.start(allHooks)
		m.Unit = ""
		m.Wake(t.Context())
	}
	const stopped = "instance: stopped, or the machine goes down: systemd could not be asked"
	wants(t, s, stopped, "boot: not known how it went down")

	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	h.boot(3)
	m, s = h.start(allHooks)
	m.Wake(t.Context())
	wants(t, s, stopped, "boot: not known", "shutdown: reboot", "boot: clean reboot, down ")
}

func TestAKillBetweenTheMailAndTheRecordTellsOnce(t *testing.T) {
	h := newHost(t)
	m, _ := h.start(allHooks)
	m.Wake(t.Context())
	before, err := os.ReadFile(filepath.Join(h.dir, "agent.json"))
	if err != nil {
		t.Fatal(err)
	}
	h.boot(2)
	for range 2 {
		m, s := h.start(allHooks)
		m.Wake(t.Context())
		wants(t, s, "boot: NOT CLEAN, power loss or hard reset")
		h.file("agent.json", string(before)) // as if it had never been saved
	}
}

func TestTheMarkKnowsBetterThanTheAgent(t *testing.T) {
	h := newHost(t)
	nowhere := systemd.Bus{System: "unix:path=/no/bus", Private: "unix:path=/no/bus"}
	mark, proc := filepath.Join(h.dir, "mark.json"), filepath.Join(h.dir, "proc")
	m, _ := h.start(allHooks)
	m.Wake(t.Context())
	if err := MarkStart(mark, proc, time.Now()); err != nil {
		t.Fatal(err)
	}
	// The agent is killed, and the machine goes down in order.
	h.file("proc/1/cmdline", "/usr/lib/systemd/systemd-shutdown\x00poweroff\x00")
	if err := MarkStop(t.Context(), mark, proc, nowhere, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.boot(2)
	h.file("proc/1/cmdline", "/sbin/init\x00")
	if err := MarkStart(mark, proc, time.Now()); err != nil {
		t.Fatal(err)
	}
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	got := told(t, s)
	if len(got) != 1 || !strings.Contains(got[0], "poweroff") {
		t.Errorf("got %q, want the poweroff of the mark", got)
	}
}

func TestInAContainerTheMarkNamesTheBoot(t *testing.T) {
	h := newHost(t)
	h.file("run/systemd/container", "systemd-nspawn")
	mark := filepath.Join(h.dir, "mark.json")
	if err := MarkStart(mark, filepath.Join(h.dir, "proc"), time.Now()); err != nil {
		t.Fatal(err)
	}
	m, _ := h.start(allHooks)
	key := m.record.Key
	h.file("proc/sys/kernel/random/boot_id", "0b005700-0000-4000-8000-000000000000\n") // the host's
	if m, _ = h.start(allHooks); m.record.Key != key {
		t.Errorf("got the boot %s, want that of the mark, %s", m.record.Key, key)
	}
	h.file("proc/1/stat", "1 (init) S "+strings.Repeat("0 ", 18)+"8 0 0\n")
	if m, _ = h.start(allHooks); m.record.Key == key {
		t.Error("another boot has the name of the mark's")
	}
}

func TestACommandIsNoAgent(t *testing.T) {
	h := newHost(t)
	m, _ := h.start(allHooks)
	m.Unit = ""
	m.Wake(t.Context())
	m.Leave(time.Now())
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	wants(t, s)
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	if again, _ := h.start(allHooks); !again.AlreadyDown() {
		t.Error("a command does not know that it is told already")
	}
}

func TestADamagedRecordIsNoBoot(t *testing.T) {
	for up, want := range map[time.Duration]bool{time.Minute: false, time.Hour: true} {
		if got := new(Machine).longUp(boot.Facts{Damaged: true, Up: up}); got != want {
			t.Errorf("up for %s: got %t, want %t", up, got, want)
		}
	}
}

func TestWithoutAHookNothingIsTold(t *testing.T) {
	h := newHost(t)
	m, _ := h.start("")
	m.Wake(t.Context())
	h.boot(2)
	m, s := h.start("")
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	wants(t, s)
	h.boot(3)
	m, s = h.start(allHooks) // and what was not asked for then is not told now
	m.Wake(t.Context())
	wants(t, s, "boot: clean reboot")
}

func TestACrashOfTheAgentIsTold(t *testing.T) {
	h := newHost(t)
	m, _ := h.start("")
	m.Wake(t.Context())
	m, s := h.start("") // without an End
	m.Wake(t.Context())
	wants(t, s, "instance: the agent had ended without a word (unknown) and runs again")
	m.End(t.Context())
	m, s = h.start("") // a signal by hand, which no manager asked for
	m.Wake(t.Context())
	if got := told(t, s); len(got) != 3 || !strings.Contains(got[2], "nothing was watched for") {
		t.Errorf("got %q", got)
	}
}

func TestWithoutProcThereIsNoVerdict(t *testing.T) {
	h := newHost(t)
	h.file("proc/1/stat", "garbage")
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	wants(t, s)
}
