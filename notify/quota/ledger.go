package quota

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/internal/durable"
)

// longest is the longest window; older uses are forgotten.
const longest = 24 * time.Hour

// compactAt is the size of the log, in bytes, from which it is rewritten when
// most of it is older than the longest window.
const compactAt = 256 << 10

// shortestRecord is a lower bound for the size of a record in the log.
const shortestRecord = 24

// lostRecipients is how many recipients a lost record counts as: the most that
// a message of any preset has.
const lostRecipients = 100

// ErrNoRoom says that a limit is reached; the error is a *NoRoomError.
var ErrNoRoom = errors.New("limit reached")

// NoRoomError says which limit is reached and when there is room again.
type NoRoomError struct {
	Account string
	Verdict Verdict
}

// Error names the limit.
func (e *NoRoomError) Error() string {
	return fmt.Sprintf("send through %s: %v: %s, room again at %s",
		e.Account, ErrNoRoom, e.Verdict.Window, e.Verdict.Until.Format(time.RFC3339))
}

// Unwrap makes errors.Is(err, ErrNoRoom) true.
func (*NoRoomError) Unwrap() error { return ErrNoRoom }

// Ledger is the persisted record of what was sent. A reservation is durable
// before it is granted, so that no crash makes it count too little. It is safe
// for concurrent use.
type Ledger struct {
	mu   sync.Mutex
	log  *durable.Log
	used map[string][]Use // by account, oldest first

	serial uint64 // of the newest reservation of this process

	advances map[string]advance // by account
	intended bool               // something is on disk from the next Commit on
}

// Open opens the ledger at path. What a damaged record may have said is
// counted as used now, by every account in accounts; lost says how many
// records that were.
func Open(path string, accounts []string, now time.Time) (l *Ledger, lost int, err error) {
	l = &Ledger{used: make(map[string][]Use), advances: make(map[string]advance)}
	unsettled := make(map[string][]int)
	log, err := durable.OpenLog(path, func(record []byte) error { return l.replay(record, unsettled) })
	if err != nil {
		return nil, 0, fmt.Errorf("open quota: %w", err)
	}
	l.log = log
	for account, open := range unsettled {
		for _, i := range open {
			l.used[account][i].At = now // may have been on the wire until the end
		}
	}
	l.redeem(now)
	lost = (log.Lost() + shortestRecord - 1) / shortestRecord
	if lost > 0 {
		for _, account := range accounts {
			l.used[account] = append(l.used[account], Use{At: now, Recipients: lost * lostRecipients})
		}
	}
	l.order(now)
	if lost > 0 {
		err = l.compact()
	}
	return l, lost, err
}

// Read returns what the ledger at path counts, by account and oldest first,
// without changing it: for somebody who looks while the agent runs.
func Read(path string, now time.Time) (map[string][]Use, error) {
	l := &Ledger{used: make(map[string][]Use), advances: make(map[string]advance)}
	unsettled := make(map[string][]int)
	if err := durable.ReadLog(path, func(record []byte) error { return l.replay(record, unsettled) }); err != nil {
		return nil, fmt.Errorf("read quota: %w", err)
	}
	l.spend(now)
	l.order(now)
	return l.used, nil
}

// MostAhead is how many reservations an account may have out beside that of the
// mail on its connection: of mails that are made ready meanwhile.
const MostAhead = 4

// inFlight is how many reservations of an account can be out at once: of the mail
// on its connection, of those made ready, and of a test mail.
const inFlight = 1 + MostAhead + 1

// replay takes in "r UNIX_MS RECIPIENTS ACCOUNT", a reservation, "d …", that the
// oldest one is over, or "s …", both at once; in capitals for a critical mail; and
// in "a …", an advance. A reservation that was followed by inFlight others of the
// same account was over by then. A log of a later version begins with "v VERSION",
// which is a durable.ErrNewer.
func (l *Ledger) replay(record []byte, unsettled map[string][]int) error {
	if v, ok := strings.CutPrefix(string(record), versioned+" "); ok {
		if n, err := strconv.ParseUint(v, 10, 31); err == nil && n > logVersion {
			return durable.Newer(int(n), logVersion)
		}
	}
	fields := strings.SplitN(string(record), " ", 4)
	if len(fields) != 4 || len(fields[0]) != 1 || !strings.Contains("rdsRDSa", fields[0]) {
		return errors.New("not a reservation")
	}
	critical := fields[0] == strings.ToUpper(fields[0])
	ms, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return err
	}
	recipients, err := strconv.Atoi(fields[2])
	least := 1
	if fields[0] == advanced {
		least = 0
	}
	if err != nil || recipients < least || recipients > maxRecipients {
		return errors.New("not a number of recipients")
	}
	account, at := fields[3], time.UnixMilli(ms)
	if fields[0] == advanced {
		l.advances[account] = advance{left: recipients}
		return nil
	}
	done := strings.EqualFold(fields[0], settled)
	if open := unsettled[account]; len(open) == inFlight || done && len(open) > 0 {
		l.used[account][open[0]].At = at
		unsettled[account] = open[1:]
	}
	if done {
		return nil
	}
	l.used[account] = append(l.used[account], Use{At: at, Recipients: recipients, Critical: critical})
	if strings.EqualFold(fields[0], reserved) {
		l.draw(account, recipients)
		unsettled[account] = append(unsettled[account], len(l.used[account])-1)
	}
	return nil
}

// order sorts the uses, takes those of the future (the clock went back) for
// uses of now and forgets the old ones. From here on they have the monotonic clock
// of now, like those to come: when the other clock is set, their order stays.
func (l *Ledger) order(now time.Time) {
	for account, used := range l.used {
		for i := range used {
			used[i].At = now.Add(used[i].At.Sub(now))
		}
		slices.SortStableFunc(used, func(a, b Use) int { return a.At.Compare(b.At) })
		l.used[account] = current(used, now)
	}
}

// current is what of the uses, in their order, still counts; those of the future
// are of now.
func current(used []Use, now time.Time) []Use {
	for i := len(used) - 1; i >= 0 && used[i].At.After(now); i-- {
		used[i].At = now
	}
	return recent(used, now)
}

func recent(used []Use, now time.Time) []Use {
	from := 0
	for from < len(used) && now.Sub(used[from].At) > longest+guard {
		from++
	}
	return used[from:]
}

// Grant is a reservation that was made.
type Grant struct {
	Recipients int // how many the message may have

	account string
	serial  uint64
}

// Reserve grants one message to at most want recipients, at least 1. The grant
// is durable and may be for fewer. ErrNoRoom says to wait.
func (l *Ledger) Reserve(account string, limit Limit, want int, critical bool, now time.Time) (Grant, error) {
	return l.reserve(account, limit, 1, want, critical, now, l.append)
}

// Intend is Reserve, but the grant is durable from the next Commit on, and may
// not be used before.
func (l *Ledger) Intend(account string, limit Limit, want int, critical bool, now time.Time) (Grant, error) {
	return l.reserve(account, limit, 1, want, critical, now, l.note)
}

// Commit makes durable what was intended.
func (l *Ledger) Commit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.intended {
		return nil
	}
	l.intended = false
	return l.log.Commit()
}

// ReserveAll is Reserve for all of want recipients or none: for a message that
// cannot be given to some of them later.
func (l *Ledger) ReserveAll(account string, limit Limit, want int, critical bool, now time.Time) (Grant, error) {
	return l.reserve(account, limit, want, want, critical, now, l.append)
}

func (l *Ledger) reserve(account string, limit Limit, least, want int, critical bool, now time.Time, write func(account string, u Use, v Verdict) error) (Grant, error) {
	if want < 1 {
		return Grant{}, fmt.Errorf("reserve: %d recipients, at least 1", want)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[account] = current(l.used[account], now)
	v := Decide(limit, l.used[account], critical, now)
	if v.Room == 0 {
		return Grant{}, &NoRoomError{account, v}
	}
	granted := min(want, v.Room)
	if limit.RecipientsPerMessage > 0 {
		granted = min(granted, limit.RecipientsPerMessage)
	}
	if granted < least {
		return Grant{}, fmt.Errorf("send through %s: %w: %d recipients, room for %d now", account, ErrNoRoom, want, granted)
	}
	if err := write(account, Use{At: now, Recipients: granted, Critical: critical}, v); err != nil {
		return Grant{}, fmt.Errorf("reserve: %w", err)
	}
	l.serial++
	l.used[account] = append(l.used[account], Use{At: now, Recipients: granted, Critical: critical, serial: l.serial})
	if l.log.Size() > compactAt && l.log.Size() > int64(4*l.count()*shortestRecord) {
		// Where there is no room to rewrite it the log just grows on.
		_ = l.compact()
	}
	return Grant{granted, account, l.serial}, nil
}

// Settle says that a grant was over at now: its window begins when the server
// had seen it, not when it was granted.
func (l *Ledger) Settle(g Grant, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.used[g.account]
	for i, u := range slices.Backward(used) {
		if u.serial == g.serial {
			u.At = now
			// Without this note it is over a little later for the next process.
			_ = l.log.Note(record(settled, g.account, u))
			l.used[g.account] = append(current(slices.Delete(used, i, i+1), now), u)
			break
		}
	}
}

// Look says what account may send now.
func (l *Ledger) Look(account string, limit Limit, critical bool, now time.Time) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[account] = current(l.used[account], now)
	return Decide(limit, l.used[account], critical, now)
}

// Close closes the log. Nothing is pending.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.giveBack(), l.log.Close())
}

func (l *Ledger) count() int {
	n := 0
	for _, used := range l.used {
		n += len(used)
	}
	return n
}

// compact rewrites the log with what still counts. A reservation that is out
// stays one.
func (l *Ledger) compact() error {
	var records [][]byte
	for account, used := range l.used {
		for i, u := range used {
			state := over
			if i >= len(used)-inFlight {
				state = reserved
			}
			records = append(records, record(state, account, u))
		}
	}
	for account, a := range l.advances {
		if a.left > 0 {
			records = append(records, record(advanced, account, Use{Recipients: a.left}))
		}
	}
	return l.log.Rewrite(records)
}

// The states of a record.
const (
	reserved = "r"
	settled  = "d"
	over     = "s"
	advanced = "a"
	// versioned is the first record of every version but the first.
	versioned = "v"
)

// logVersion is the version of the log that is written and read.
const logVersion = 1

func record(state, account string, u Use) []byte {
	if u.Critical {
		state = strings.ToUpper(state)
	}
	return fmt.Appendf(nil, "%s %d %d %s", state, u.At.UnixMilli(), u.Recipients, account)
}
