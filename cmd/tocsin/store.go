package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/config"
	"tocsin/internal/durable"
	"tocsin/internal/program"
	"tocsin/notify"
	"tocsin/notify/maillog"
	"tocsin/notify/mx"
	"tocsin/notify/oauth"
	"tocsin/notify/quota"
	"tocsin/notify/silence"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// lockPoll is how often a held lock is tried: flock(2) cannot be waited for with
// a limit.
const lockPoll = 100 * time.Millisecond

// store is the state directory, held by this process alone:
//
//	lock           who holds it
//	state.json     what the engine remembers of its rules
//	quota.log      what was sent
//	accounts.json  which mail servers are paused
//	addresses.json where the mail servers last were
//	silences.json  what nobody is to be told of for a while
//	token-*.json   the refresh tokens that mail providers have replaced
//	agent.json     which boot this is, and how the last run ended
//	units.json     which units have failed
//	spool/         what must be told
type store struct {
	dir    string
	lock   *durable.Lock
	spool  *spool.Spool
	ledger *quota.Ledger
	// silences knows what nobody is told of now.
	silences *silence.Book
	// damage says in words what was damaged when the store was opened.
	damage []string
	mails  *maillog.Log // nil when nobody asks for one
}

// leftoverPatience is how long a new agent waits for the lock of another. One
// that was killed while it started a program has left a child that holds the
// lock until it is that program (flock(2)): seen once in 1300 kills.
const leftoverPatience = time.Second

func spoolDir(stateDir string) string { return filepath.Join(stateDir, "spool") }

// The names by which the commands hold the state directory.
const (
	holderRun   = "tocsin run"
	holderSend  = "tocsin send"
	holderQueue = "tocsin queue"
	holderTest  = "tocsin test-mail"
	holderEvent = "tocsin event"
)

// errForeign says that root must not touch the state directory of the user
// that the agent runs as: what root makes there the agent could not use.
var errForeign = errors.New("it belongs to another user")

// takeDir makes the state directory where it is missing and locks it.
func takeDir(dir, holder string) (*durable.Lock, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return nil, fmt.Errorf("open state directory %s: %w", dir, err)
	}
	if st.Uid != uint32(os.Geteuid()) { //nolint:gosec // a user id is never negative
		return nil, fmt.Errorf("open state directory %s: %w: run this as the user with the number %d (sudo -u '#%d' …), or choose another directory with --state",
			dir, errForeign, st.Uid, st.Uid)
	}
	lock, err := durable.Acquire(filepath.Join(dir, "lock"), fmt.Sprintf("%s, process %d", holder, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	return lock, nil
}

// heldByAgent says whether err means that a running agent has the directory.
func heldByAgent(err error) bool {
	locked, ok := errors.AsType[*durable.LockedError](err)
	return ok && strings.HasPrefix(locked.Holder, holderRun+",")
}

// openStore takes the state directory. It is refused, naming the holder, when
// an agent has it; another command that has it is waited for, as long as
// patience, and by an agent what is left of another.
func openStore(ctx context.Context, cfg *config.Config, holder string, patience time.Duration, log *slog.Logger) (*store, error) {
	dir, now := cfg.Agent.StateDir, time.Now()
	lock, err := takeDir(dir, holder)
	for waited := time.Duration(0); errors.Is(err, durable.ErrLocked) && waited < patience; waited += lockPoll {
		if heldByAgent(err) && (holder != holderRun || waited >= leftoverPatience) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
		lock, err = takeDir(dir, holder)
	}
	if err != nil {
		return nil, err
	}
	s := &store{dir: dir, lock: lock}
	if cfg.Agent.MailLog != "" {
		s.mails = maillog.New(cfg.Agent.MailLog, cfg.Agent.MailLogFields, log)
	}
	if err := durable.Sweep(dir, 0, now); err != nil { // what a crash left unfinished
		s.close()
		return nil, err
	}
	s.openSilences(cfg, log)
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
		s.damage = append(s.damage, fmt.Sprintf("the record of what was sent, quota.log, was damaged in %s and is now quota.log.damaged: what is lost counts as used now, for every mail server", amount(lost, "place")))
	}
	return s, nil
}

func silencesPath(stateDir string) string { return filepath.Join(stateDir, "silences.json") }

// openSilences opens the book of what nobody is told of.
func (s *store) openSilences(cfg *config.Config, log *slog.Logger) {
	book, damaged := silence.Open(silencesPath(s.dir))
	if damaged != nil {
		log.Error("the silences cannot be used and are over: what they held back is told now", "err", damaged)
		s.damage = append(s.damage, fmt.Sprintf("the list of what is silenced, silences.json, cannot be used, so that nothing is silenced any more: %v", damaged))
	}
	book.Plan(cfg.Maintenances)
	s.silences = book
}

// courier delivers what the store's spool keeps. Programs that print tokens are
// in the cage.
func (s *store) courier(cage *program.Cage, log *slog.Logger) (*notify.Courier, error) {
	c, err := notify.NewCourier(s.spool, s.ledger, filepath.Join(s.dir, "accounts.json"), log, time.Now())
	if err != nil {
		return nil, err
	}
	c.Silenced = s.silences.Still
	s.silences.Watch(c.Look)
	dialer := smtp.Dialer{Addresses: smtp.OpenAddresses(filepath.Join(s.dir, "addresses.json")), Log: log, Tokens: &oauth.Keeper{Dir: s.dir, Log: log, Cage: cage}}
	c.Dial = func(ctx context.Context, server smtp.Server) (notify.Session, error) {
		if server.Direct {
			return &mx.Session{Server: server, Resolver: mx.DNS{}, Trace: s.mails.Trace}, nil
		}
		return dialer.Dial(ctx, server, s.mails.Trace(server))
	}
	return c, nil
}

// close gives the directory up. Nothing is pending: whatever was acknowledged
// is durable.
func (s *store) close() {
	if s.ledger != nil {
		_ = s.ledger.Close()
	}
	_ = s.mails.Close()
	_ = s.lock.Release()
}

func accountNames(accounts []notify.Account) []string {
	names := make([]string, 0, len(accounts))
	for _, a := range accounts {
		names = append(names, a.Name)
	}
	return names
}
