package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
	"tocsin/notify"
	"tocsin/notify/spool"
)

const callRules = `
agent {
  events   = false
  interval = "1m"
}

mailserver "local" {
  host = "localhost"
  tls  = "none"
}

mail "day" {
  to = ["day@example.com"]
}

mail "night" {
  to = ["night@example.com"]
}

mail "boss" {
  to = ["boss@example.com"]
}

route {
  during    = "* 8-17 * * *"
  time_zone = "UTC"
  notify    = [mail.day]
}

route {
  notify = [mail.night]

  escalate {
    after  = "2h"
    notify = [mail.boss]
  }
}

check "file" "flag" {
  path = "FLAG"

  rule "gone" {
    when = !exists
  }
}
`

// counter is the desk as the engine's sink.
type counter struct{ *notify.Desk }

func (c counter) Emit(ev tocsin.Event) ([]string, error) { return c.EmitHeld(ev, 0) }

// TestWhoIsTold goes from the rule file to the spool: the failure of the day that
// ends at night is told to the day, and to the boss who was called at night.
func TestWhoIsTold(t *testing.T) {
	dir := t.TempDir()
	flag := filepath.Join(dir, "flag")
	cfg, problems := config.LoadBytes([]byte(strings.Replace(callRules, "FLAG", flag, 1)), "rules.hcl", config.Options{})
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		s, err := spool.Open(filepath.Join(dir, "spool"), log, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		router := newRouter(cfg)
		desk := &notify.Desk{Spool: s, Log: log, Router: func() notify.Router { return *router }}
		host := checks.NewHost("")
		if err := cfg.Open(host); err != nil {
			t.Fatal(err)
		}
		followUp("host", cfg.Checks, router)
		run := func(d time.Duration, meanwhile func()) {
			t.Helper()
			state, _, err := engine.OpenState(filepath.Join(dir, "state.json"), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			e := engine.New("host", cfg.Checks, state, counter{desk}, 0, log)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { e.Run(ctx); close(done) }()
			time.Sleep(d)
			meanwhile()
			time.Sleep(2 * time.Minute)
			cancel()
			<-done
		}
		time.Sleep(17 * time.Hour) // 17:00, the flag is not there
		run(30*time.Minute, func() {})
		run(2*time.Hour, func() {
			if err := os.WriteFile(flag, nil, 0o600); err != nil {
				t.Error(err)
			}
		})
		var got []string
		for _, w := range s.Waiting() {
			got = append(got, w.Item.Event.At.UTC().Format("15 ")+string(w.Item.Event.Type)+" "+w.Target.Notifier)
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != "17 failed day, 19 escalation boss, 19 recovered boss, 19 recovered day" {
			t.Errorf("got %s", text)
		}
		time.Sleep(time.Hour) // the host's goroutines end
	})
}
