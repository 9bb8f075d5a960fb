package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"tocsin/internal/durable"
	"tocsin/notify/smtp"
)

// The default waits between tries, of a mail and of an account alike. The last
// one repeats; a critical mail goes on every quarter of an hour.
func defaultRetry() []time.Duration {
	return []time.Duration{
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute,
	}
}

// authRetry is slower: providers lock accounts out that log in wrongly often.
func authRetry() []time.Duration {
	return []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
}

// quotaRetry is for a provider that says its own limit is reached.
func quotaRetry() []time.Duration { return []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour} }

// longestWait caps every wait of a schedule.
const longestWait = 24 * time.Hour

// A pause that a provider is known to want is never cut short, and spread by a
// twentieth. The longest of them is a day.
const (
	pauseSpread  = 0.05
	longestPause = 26 * time.Hour
)

// criticalRetry caps the wait of a critical mail.
const criticalRetry = 15 * time.Minute

// maxPauses bounds what is read of the file of accounts, in bytes.
const maxPauses = 1 << 20

// restartAuth is how soon after the last try an account whose login failed is
// tried again by a new process: a person who mended the password and restarted
// the agent must not wait for an hour, nor may a crash loop hammer the server.
const restartAuth = time.Minute

// Pause is why and until when an account is left alone.
type Pause struct {
	Until    time.Time `json:"until,omitzero"`
	Since    time.Time `json:"since,omitzero"` // of the first failure in a row
	Last     time.Time `json:"last,omitzero"`  // of the newest one
	Failures int       `json:"failures,omitempty"`
	Class    string    `json:"class,omitempty"` // smtp.Class as a word
	Reason   string    `json:"reason,omitempty"`
	// Firm says that the provider makes the pause longer for each try before
	// its end: it is kept whatever a person or a reload does.
	Firm bool `json:"firm,omitempty"`
}

// after is the pause that follows a failure.
func (p Pause) after(f *smtp.Failure, retry []time.Duration, now time.Time) Pause {
	if p.Failures == 0 {
		p.Since = now
	}
	switch f.Class {
	case smtp.AuthBroken:
		retry = authRetry()
	case smtp.QuotaReached:
		retry = quotaRetry()
	}
	p.Until = now.Add(wait(retry, p.Failures, false))
	// What a provider is known to want wins over the schedule of a limit, and
	// over the others where it is longer.
	if until := f.Pause.Until(now); !until.IsZero() && (f.Class == smtp.QuotaReached || until.After(p.Until)) {
		p.Until = until.Add(time.Duration(pauseSpread * rand.Float64() * float64(until.Sub(now)))) //nolint:gosec // jitter is no secret
	}
	p.Firm = f.Pause.Firm
	p.Failures++
	p.Last, p.Class, p.Reason = now, f.Class.String(), f.Error()
	return p
}

// wait is the n-th wait of a schedule, counted from 0, spread by a fifth so
// that many agents do not come back at the same moment.
func wait(retry []time.Duration, n int, critical bool) time.Duration {
	if len(retry) == 0 {
		retry = defaultRetry()
	}
	d := retry[min(n, len(retry)-1)]
	if critical {
		d = min(d, criticalRetry)
	}
	return min(longestWait, time.Duration(float64(d)*(0.8+0.4*rand.Float64()))) //nolint:gosec // jitter is no secret
}

// pauses is what is known of the accounts, kept in a small file so that a
// restart does not run against a limit or a lockout again.
type pauses struct {
	path string
	m    map[string]Pause
}

func openPauses(path string, now time.Time) (*pauses, error) {
	p := &pauses{path: path, m: make(map[string]Pause)}
	data, err := durable.ReadFile(path, maxPauses)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, durable.ErrForeign) {
		return p, nil // only waits are lost
	}
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	if json.Unmarshal(data, &p.m) != nil || p.m == nil {
		p.m = make(map[string]Pause) // only waits are lost
	}
	for name, pause := range p.m {
		switch {
		case pause.Class == smtp.QuotaReached.String() && pause.Until.Sub(now) < longestPause:
		case pause.Class == smtp.AuthBroken.String():
			pause.Until = earlier(earlier(pause.Until, pause.Last.Add(restartAuth)), now.Add(restartAuth))
			p.m[name] = pause
		default:
			delete(p.m, name)
		}
	}
	return p, nil
}

func (p *pauses) set(account string, pause Pause) error {
	if pause == (Pause{}) {
		if _, ok := p.m[account]; !ok {
			return nil
		}
		delete(p.m, account)
	} else {
		p.m[account] = pause
	}
	data, err := json.Marshal(p.m)
	if err != nil {
		return fmt.Errorf("keep accounts: %w", err)
	}
	return durable.WriteFile(p.path, data)
}
