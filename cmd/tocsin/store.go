package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tocsin/internal/config"
	"tocsin/internal/durable"
	"tocsin/notify"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// store is the state directory, held by this process alone:
//
//	lock           who holds it
//	state.json     what the engine remembers of its rules
//	quota.log      what was sent
//	accounts.json  which mail servers are paused
//	spool/         what must be told
type store struct {
	dir    string
	lock   *durable.Lock
	spool  *spool.Spool
	ledger *quota.Ledger
}

func spoolDir(stateDir string) string { return filepath.Join(stateDir, "spool") }

// openStore takes the state directory. It is refused, naming the holder, when
// another process has it.
func openStore(cfg *config.Config, log *slog.Logger) (*store, error) {
	dir, now := cfg.Agent.StateDir, time.Now()
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	lock, err := durable.Acquire(filepath.Join(dir, "lock"), fmt.Sprintf("tocsin, process %d", os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	s := &store{dir: dir, lock: lock}
	if s.spool, err = spool.Open(spoolDir(dir), log, now); err != nil {
		s.close()
		return nil, err
	}
	var lost int
	s.ledger, lost, err = quota.Open(filepath.Join(dir, "quota.log"), accountNames(cfg.Accounts), now)
	if err != nil {
		s.close()
		return nil, err
	}
	if lost > 0 {
		log.Error("quota ledger was damaged; what is lost counts as used now", "records", lost)
	}
	return s, nil
}

// courier delivers what the store's spool keeps.
func (s *store) courier(log *slog.Logger) (*notify.Courier, error) {
	return notify.NewCourier(s.spool, s.ledger, filepath.Join(s.dir, "accounts.json"), log, time.Now())
}

// close gives the directory up. Nothing is pending: whatever was acknowledged
// is durable.
func (s *store) close() {
	if s.ledger != nil {
		_ = s.ledger.Close()
	}
	_ = s.lock.Release()
}

func accountNames(accounts []notify.Account) []string {
	names := make([]string, 0, len(accounts))
	for _, a := range accounts {
		names = append(names, a.Name)
	}
	return names
}
