package notify

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
	"tocsin/notify/transport"
	"tocsin/templates"
)

// expiry is how long a mail is tried before it goes to badmail.
const expiry = 5 * 24 * time.Hour

// finishGrace is how long a mail that is on the wire may take when the agent
// is told to stop.
const finishGrace = 3 * time.Second

// Session is a conversation with a mail server; see smtp.Session.
type Session interface {
	Send(ctx context.Context, e smtp.Envelope, data []byte) (smtp.Result, error)
	Reusable() bool
	Close() error
}

// Setup is the part of a configuration that the courier works by.
type Setup struct {
	Accounts []Account
	Mails    []Mail
	// Servers names the accounts, in order, for mail that is no mail block's;
	// none means all but those that deliver directly.
	Servers []string
	// Domains is what goes another way because of whom it is to.
	Domains transport.Table
	// Templates are the template blocks by name, for targets that have one of
	// their own.
	Templates map[string]templates.Template
}

// Courier delivers what the spool keeps, one worker and one connection an
// account.
type Courier struct {
	Spool  *spool.Spool
	Ledger *quota.Ledger
	Log    *slog.Logger
	// Dial opens a session.
	Dial func(ctx context.Context, s smtp.Server) (Session, error)
	// Refused hears of each mail that was given up for somebody; may be nil.
	// It is set before Configure.
	Refused func(m spool.Mail, d spool.Delivery, now time.Time)
	// Silenced says until when a silence holds an event back that one with the key
	// held back once; may be nil. It is set before Configure.
	Silenced func(key string, ev *tocsin.Event, now time.Time) time.Time
	// Renew gives those of the failures that last the dependants that they have now;
	// may be nil. It is set before Configure.
	Renew func(failures []*tocsin.Event)
	// FellBack hears of each event that fallbacks were told, and of their names;
	// may be nil. It is set before Configure.
	FellBack func(ev *tocsin.Event, notifiers []string)
	// Rush hears, again and again, that several mails follow each other closely;
	// may be nil. It is set before Configure.
	Rush func()

	mu      sync.Mutex
	pauses  *pauses
	setup   Setup
	busy    map[string]time.Time
	changed chan struct{}              // closed and replaced when a worker should look again
	quit    chan struct{}              // closed when the workers of this setup should end
	ended   map[string]<-chan struct{} // by account: closed when its worker has ended
	wg      sync.WaitGroup
	list    []spool.Waiting // room for what waits, used again by each claim
	// delivered is when a mail server last took a mail.
	delivered time.Time
}

// NewCourier makes a courier that keeps what it knows of the accounts in the
// file at path.
func NewCourier(s *spool.Spool, l *quota.Ledger, path string, log *slog.Logger, now time.Time) (*Courier, error) {
	p, err := openPauses(path, now)
	if err != nil {
		return nil, err
	}
	return &Courier{
		Spool: s, Ledger: l, Log: log,
		Dial:   func(ctx context.Context, s smtp.Server) (Session, error) { return smtp.Dial(ctx, s, nil) },
		pauses: p, busy: make(map[string]time.Time), ended: make(map[string]<-chan struct{}),
		changed: make(chan struct{}), quit: make(chan struct{}),
	}, nil
}

// Run delivers until ctx ends and then lets what is on the wire finish, for a
// moment.
func (c *Courier) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			c.mu.Lock()
			close(c.quit)
			c.mu.Unlock()
			c.wg.Wait()
			return
		case <-c.Spool.Changed():
			c.mu.Lock()
			c.wake()
			c.mu.Unlock()
		}
	}
}

// Configure starts a worker for each account of setup. The workers of the setup
// before end, at the latest after the mail that they are at, and the new one of
// an account waits for the old one: an account has one connection. ctx ends the
// workers. An account that was changed is tried at once, whatever it was paused
// for, unless that pause is firm and it is the same login still; one that was
// not keeps a pause that its provider asked for.
func (c *Courier) Configure(ctx context.Context, setup Setup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.quit)
	c.quit = make(chan struct{})
	old := c.setup
	c.setup = setup
	for _, a := range setup.Accounts {
		paused := c.pauses.m[a.Name]
		if old.Accounts != nil && (!old.has(a) || paused.Class == smtp.Transient.String()) && (!paused.Firm || !old.sameLogin(a)) {
			c.keep(a.Name, Pause{})
		}
		ended := make(chan struct{})
		w := &worker{
			courier: c, account: a, quit: c.quit, before: c.ended[a.Name], log: c.Log.With("server", a.Name), took: unmeasured,
		}
		c.ended[a.Name] = ended
		c.wg.Go(func() {
			defer close(ended)
			w.run(ctx)
		})
	}
}

// has says whether the setup has the very same account. Certificates are read
// anew and therefore not compared.
func (s Setup) has(a Account) bool {
	return slices.ContainsFunc(s.Accounts, func(b Account) bool {
		a.Roots, b.Roots = nil, nil
		return reflect.DeepEqual(a, b)
	})
}

// sameLogin says whether the setup has an account of that name with the same
// server and username.
func (s Setup) sameLogin(a Account) bool {
	return slices.ContainsFunc(s.Accounts, func(b Account) bool {
		return a.Name == b.Name && a.Host == b.Host && a.Username == b.Username
	})
}

// Lift ends all pauses that are not firm: somebody says that the trouble is
// mended.
func (c *Courier) Lift() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.setup.Accounts {
		if !c.pauses.m[a.Name].Firm {
			c.keep(a.Name, Pause{})
		}
	}
	c.wake()
}

// Look has every worker look again: something changed that decides what may go.
func (c *Courier) Look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake()
}

// Hurry ends the pauses that only a failed try brought about: there is no time
// left to wait. What a provider asked for stays.
func (c *Courier) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.setup.Accounts {
		if c.pauses.m[a.Name].Class == smtp.Transient.String() {
			c.keep(a.Name, Pause{})
		}
	}
	c.wake()
}

// Alive returns when the courier's and the spool's locks could be taken: a
// deadlock is where it does not.
func (c *Courier) Alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Spool.Item("")
}

// AccountState is what the courier knows of one account.
type AccountState struct {
	Name  string
	Pause Pause // Until is in the past when it is not paused
}

// Accounts lists the accounts in the order of the file.
func (c *Courier) Accounts() []AccountState {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]AccountState, 0, len(c.setup.Accounts))
	for _, a := range c.setup.Accounts {
		states = append(states, AccountState{a.Name, c.pauses.m[a.Name]})
	}
	return states
}

// wake makes every worker look again. The caller holds mu.
func (c *Courier) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// keep remembers a pause. The caller holds mu.
func (c *Courier) keep(account string, p Pause) {
	if err := c.pauses.set(account, p); err != nil {
		c.Log.Warn("pause of an account not saved", "server", account, "err", err)
	}
}

// sparedRoom is for how many items the room is never given back.
const sparedRoom = 256

// claim decides what account does now, at most so many mails, and marks them
// busy. Without a job it returns when to ask again and what says that something
// changed.
func (c *Courier) claim(account string, most int, now time.Time) ([]job, time.Time, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = c.Spool.AppendWaiting(c.list[:0])
	if cap(c.list) > sparedRoom && len(c.list) < cap(c.list)/4 { // after a flood
		c.list = slices.Clone(c.list)
	}
	defer clear(c.list) // what left the spool is not kept
	b := board{
		now: now, letters: c.Spool.Letters(), waiting: c.list, busy: c.busy,
		servers: c.setup.servers,
		paused:  func(account string) time.Time { return c.pauses.m[account].Until },
		silenced: func(key string, ev *tocsin.Event) time.Time {
			if c.Silenced == nil {
				return time.Time{}
			}
			return c.Silenced(key, ev, now)
		},
		look: func(account string, critical bool) quota.Verdict {
			return c.Ledger.Look(account, c.setup.account(account).Limit, critical, now)
		},
	}
	var jobs []job
	for len(jobs) < most {
		j, wake := b.next(account)
		if j.letter == nil && len(j.waiting) == 0 {
			if len(jobs) == 0 {
				return nil, wake, c.changed
			}
			break
		}
		j.waiting = slices.Clone(j.waiting)
		for _, key := range j.keys() {
			c.busy[key] = time.Time{}
		}
		jobs = append(jobs, j)
	}
	return jobs, time.Time{}, nil
}

// release ends a claim and lets everybody look again.
func (c *Courier) release(j job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range j.keys() {
		delete(c.busy, key)
	}
	c.wake()
}

// putOff ends a claim and leaves its parts alone for d.
func (c *Courier) putOff(j job, d time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range j.keys() {
		c.busy[key] = now.Add(d)
	}
	c.wake()
}

// pause leaves an account alone after a failure.
func (c *Courier) pause(a Account, f *smtp.Failure, now time.Time) Pause {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pauses.m[a.Name].after(f, a.Retry, now)
	c.keep(a.Name, p)
	return p
}

// succeeded forgets the failures of an account.
func (c *Courier) succeeded(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(account, Pause{})
	c.delivered = time.Now()
}

// servers lists the accounts for a notifier's mail to a recipient: those of its
// domain's route, else the notifier's. Mail of a notifier which a reload removed
// goes on, as that without one does.
func (s Setup) servers(notifier, recipient string) []string {
	if notifier == Nobody {
		return nil
	}
	if servers := s.Domains.Servers(recipient); servers != nil {
		return servers
	}
	for _, m := range s.Mails {
		if m.Name == notifier {
			return m.Servers
		}
	}
	if len(s.Servers) > 0 {
		return s.Servers
	}
	names := make([]string, 0, len(s.Accounts))
	for _, a := range s.Accounts {
		if !a.Direct {
			names = append(names, a.Name)
		}
	}
	return names
}

func (s Setup) account(name string) Account {
	for _, a := range s.Accounts {
		if a.Name == name {
			return a
		}
	}
	return Account{}
}

// notifier returns a mail block, with the template of the target when that has
// one; a block that a reload removed is made up from the account and the
// addresses that the item kept.
func (c *Courier) notifier(t spool.Target, a Account) Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := Mail{Name: t.Notifier, From: a.Username, To: t.Addresses}
	if len(c.setup.Mails) > 0 {
		n.From = c.setup.Mails[0].From
	}
	for _, m := range c.setup.Mails {
		if m.Name == t.Notifier {
			n = m
		}
	}
	if own, ok := c.setup.Templates[t.Template]; ok {
		n.Template = own
	}
	return n
}

// retryAt is when a mail is tried again after its n-th attempt.
func retryAt(a Account, attempts int, critical bool, now time.Time) time.Time {
	return now.Add(wait(a.Retry, attempts-1, critical))
}

func expired(queued, now time.Time) bool { return now.Sub(queued) > expiry }

func expiredReply(last string) string {
	return fmt.Sprintf("given up after %d days; last: %s", int(expiry.Hours()/24), last)
}
