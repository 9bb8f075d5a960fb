package main

import (
	"time"

	"tocsin/internal/config"
)

// unmailed says what is missing for anybody to be mailed, and what to do; empty
// when nothing is.
func unmailed(cfg *config.Config) []string {
	switch {
	case len(cfg.Accounts) == 0:
		return []string{"no mail server is configured yet, so mail waits: tocsin init adds one"}
	case len(cfg.Mails) == 0:
		return []string{"no mail block says who hears of alerts, so they wait: mail \"ops\" { to = [\"you@example.com\"] }"}
	default:
		return nil
	}
}

// address gives what waited for a mail block to those whom the rule file names
// now.
func (a *agent) address() {
	if err := a.desk.Address(); err != nil {
		a.log.Error("what waits for a mail block waits on", "err", err)
	}
}

// requeue lets go once more what was given up, also what was for nobody then.
func (a *agent) requeue(id string) error {
	if err := a.store.spool.Requeue(id, time.Now()); err != nil {
		return err
	}
	a.address()
	return nil
}
