package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

const mountRules = `
agent {
  events = false
}

mailserver "local" {
  host = "localhost"
  tls  = "none"
}

mail "ops" {
  to = ["ops@example.com"]
}

route {
  when     = starts_with(event.check, "disks:/srv/b")
  notify   = [mail.ops]
  reminder = "4h"
}

check "filesystem" "disks" {
  mounts = "/srv/*"

  rule "gone" {
    when = !exists
  }
}
`

// deaf is a sink that takes everything.
type deaf struct{}

func (deaf) Emit(tocsin.Event) ([]string, error) { return nil, nil }

// TestFollow mounts and unmounts under an agent that hears of nothing: within a
// minute it watches what is there.
func TestFollow(t *testing.T) {
	proc := t.TempDir()
	if err := os.Mkdir(filepath.Join(proc, "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	mount := func(points ...string) {
		t.Helper()
		var b strings.Builder
		for i, p := range points {
			b.WriteString(strings.Join([]string{"27 1 9:" + string(rune('0'+i)), "/", p, "rw - ext4 /dev/md rw\n"}, " "))
		}
		if err := os.WriteFile(filepath.Join(proc, "1/mountinfo"), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mount("/", "/srv/a")
	cfg, problems := config.LoadBytes([]byte(mountRules), "rules.hcl", config.Options{})
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	state, _, err := engine.OpenState(filepath.Join(t.TempDir(), "state.json"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := &agent{log: slog.New(slog.DiscardHandler), host: checks.NewHost(proc), changes: make(chan struct{}), courierCtx: ctx}
		if err := a.open(cfg); err != nil {
			t.Fatal(err)
		}
		a.config.Store(cfg)
		a.engine = engine.New("host", cfg.Checks, state, deaf{}, 0, a.log)
		ended := make(chan struct{})
		go func() { a.engine.Run(ctx); close(ended) }()
		a.attend(cfg)
		<-a.changes // at once, for what happened since the start
		a.follow(ctx)
		if a.config.Load() != cfg {
			t.Error("got another configuration, want the same for the same mounts")
		}
		began := time.Now()
		mount("/", "/srv/b")
		<-a.changes
		if waited := time.Since(began); waited > followEvery {
			t.Errorf("got word after %s, want it within %s", waited, followEvery)
		}
		a.follow(ctx)
		time.Sleep(time.Second)
		all, err := a.engine.Status(ctx)
		var got []string
		for _, c := range all {
			got = append(got, c.Name+" "+c.Reading.Values.Of("exists").String())
		}
		// Neither path is there on this machine.
		if text := strings.Join(got, ", "); err != nil || text != "disks:/srv/a false, disks:/srv/b false" {
			t.Errorf("got %s, %v, want both", text, err)
		}
		now := a.config.Load().Checks
		if now[0].Rules[0].FollowUp != nil || now[1].Rules[0].FollowUp(time.Now()).Reminder != 4*time.Hour {
			t.Error("got other reminders, want that of the route for the second alone")
		}
		cancel()
		<-ended
		time.Sleep(time.Hour) // on the bubble's clock: the host's goroutines end
	})
}
