package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

func TestAShutdownIsToldOnce(t *testing.T) {
	h := newHost(t)
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	if h.quiet.Load() {
		t.Fatal("the checks are quiet before anything happened")
	}
	going := systemd.Going{Kind: systemd.Reboot, Wall: "kernel upgrade", By: "alice"}
	m.Down(t.Context(), going) // login1
	m.End(t.Context())         // and SIGTERM, with no bus left
	wants(t, s, "shutdown: reboot")
	if !h.quiet.Load() {
		t.Error("the checks are not quiet while the machine goes down")
	}
	r, err := boot.ReadRecord(filepath.Join(h.dir, "agent.json"))
	if err != nil || r.How != boot.WentDown || r.Going != going || r.Ended.IsZero() {
		t.Errorf("got record %+v, %v", r, err)
	}
}

func TestAShutdownThatIsCalledOff(t *testing.T) {
	h := newHost(t)
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	m.Stay(t.Context())
	if h.quiet.Load() {
		t.Error("the checks stay quiet")
	}
	m.Down(t.Context(), systemd.Going{Kind: systemd.Poweroff})
	wants(t, s, "shutdown: reboot", "shutdown: called off, the machine stays up", "shutdown: poweroff")
}

func TestAShutdownThatDoesNotComeIsTakenBack(t *testing.T) {
	h := newHost(t)
	m, s := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot}) // as a script said
	m.beat(t.Context(), time.Now())
	if !h.quiet.Load() {
		t.Error("the checks go on while the machine goes down")
	}
	m.beat(t.Context(), time.Now().Add(standDown+time.Minute))
	if h.quiet.Load() {
		t.Error("the checks stay quiet on a machine that stays up")
	}
	wants(t, s, "shutdown: reboot", "shutdown: called off, the machine stays up")
}

func TestDownWhileItWakes(t *testing.T) {
	h := newHost(t)
	m, _ := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	m.Stay(t.Context())
	h.file("slow", "#!/bin/sh\necho begun; sleep 600\n")
	program := filepath.Join(h.dir, "slow")
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	h.boot(2)
	m, s := h.start(fmt.Sprintf("hook \"boot\" {\n  exec = [%q]\n}\nhook \"shutdown\" { wait = \"50ms\" }\n", program))
	woke := make(chan struct{})
	go func() { m.Wake(t.Context()); close(woke) }()
	<-m.open // and the program of the boot hangs
	m.Down(t.Context(), systemd.Going{Kind: systemd.Poweroff})
	<-woke
	got := told(t, s)
	if len(got) != 4 || !strings.Contains(strings.Join(got, "\n"), "shutdown: poweroff") {
		t.Errorf("got %q, want the boot and the poweroff", got)
	}
	events, err := s.Events()
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if ev.Type == tocsin.Boot && !strings.Contains(ev.Description, program+": ended: there was no more time") {
			t.Errorf("the boot is not told in full:\n%s", ev.Description)
		}
	}
	r, err := boot.ReadRecord(filepath.Join(h.dir, "agent.json"))
	if err != nil || r.Key != m.record.Key || r.Going.Kind != systemd.Poweroff {
		t.Errorf("got record %+v, %v", r, err)
	}
}

func TestAnotherRunInTheSameBootCountsOn(t *testing.T) {
	h := newHost(t)
	m, _ := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	m.Stay(t.Context())
	m, s := h.start(allHooks)
	close(m.open) // Down comes before Wake has done anything
	close(m.whole)
	m.Down(t.Context(), systemd.Going{Kind: systemd.Poweroff})
	wants(t, s, "shutdown: reboot", "shutdown: called off", "shutdown: poweroff")
}

func TestDownWaitsForTheMailAlone(t *testing.T) {
	h := newHost(t)
	m, s := h.start(`hook "shutdown" { wait = "20s" }`)
	m.Wake(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Down(t.Context(), systemd.Going{Kind: systemd.Halt})
	}()
	for len(s.Waiting()) == 0 {
		<-s.Changed()
	}
	select {
	case <-done:
		t.Fatal("it did not wait for the mail")
	default:
	}
	if err := s.Drop(s.Waiting()[0].Item.ID, "given up by hand", time.Now()); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestAProgramOfAHook(t *testing.T) {
	h := newHost(t)
	h.file("told", "#!/bin/sh\necho \"$TOCSIN_STATE\" of $TOCSIN_HOST; exit 3\n")
	program := filepath.Join(h.dir, "told")
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	m, s := h.start(fmt.Sprintf("hook \"shutdown\" {\n  exec = [%q]\n  wait = \"4s\"\n}\n", program))
	m.Wake(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if w := s.Waiting(); len(w) > 0 && w[0].Target.Hold == 0 {
				cancel() // it is complete, and nobody sends it
				return
			}
			<-s.Changed()
		}
	}()
	m.Down(ctx, systemd.Going{Kind: systemd.Reboot})
	events, err := s.Events()
	if err != nil || len(events) != 1 {
		t.Fatalf("got %d events, %v", len(events), err)
	}
	for _, want := range []string{"reboot\n", program + ": exit status 3 after ", "shutdown of web-1.example.com"} {
		if !strings.Contains(events[0].Description, want) {
			t.Errorf("%q is not in\n%s", want, events[0].Description)
		}
	}
}

func TestAMailThatMissedTheShutdownIsLate(t *testing.T) {
	h := newHost(t)
	m, _ := h.start(allHooks)
	m.Wake(t.Context())
	m.Down(t.Context(), systemd.Going{Kind: systemd.Reboot})
	h.boot(2)
	_, s := h.start(allHooks)
	for _, w := range s.Waiting() {
		if w.Item.Event.Note != lateNote {
			t.Errorf("got note %q on %s", w.Item.Event.Note, headline(*w.Item.Event))
		}
	}
	if n := len(s.Waiting()); n != 1 {
		t.Errorf("got %d waiting, want the one mail", n)
	}
}
