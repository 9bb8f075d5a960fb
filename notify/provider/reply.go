package provider

import (
	"strings"
	"time"
)

// Verdict is what a reply means.
type Verdict string

// The verdicts.
const (
	Quota     Verdict = "limit reached" // the account pauses, whatever the code
	Auth      Verdict = "login refused" // the account pauses until a person acts
	Wait      Verdict = "account later" // the account pauses for a moment
	Sender    Verdict = "sender refused"
	Recipient Verdict = "recipient refused"
	Content   Verdict = "content refused"
	// Later is for the recipient at RCPT and for the message elsewhere, also
	// when the code is 5xx: replies that mean a limit as well as a refusal.
	Later Verdict = "later"
)

// Reply is one row of a classifier. Empty conditions hold for everything.
type Reply struct {
	At       string `json:"at,omitempty"`       // a smtp.Phase: "auth", "rcpt"
	Code     int    `json:"code,omitempty"`     // the reply's, such as 550
	Enhanced string `json:"enhanced,omitempty"` // such as "5.4.5"
	Text     string `json:"text,omitempty"`     // in lower case, part of the reply's
	// Means is never empty.
	Means Verdict `json:"means"`
	// Pause is how long Quota, Auth and Wait leave the account alone; zero is
	// Full for a quota, else the general schedule.
	Pause Pause `json:"pause,omitzero"`
	// Hint is what a person does about it, empty for the general one.
	Hint string `json:"hint,omitempty"`
}

// Match returns the first row for a reply. Text is in lower case.
func (p Preset) Match(at string, code int, enhanced, text string) (r Reply, ok bool) {
	for _, r := range p.Replies {
		if (r.At == "" || r.At == at) && (r.Code == 0 || r.Code == code) &&
			(r.Enhanced == "" || r.Enhanced == enhanced) && strings.Contains(text, r.Text) {
			if r.Means == Quota && r.Pause == (Pause{}) {
				r.Pause = p.Full
			}
			return r, true
		}
	}
	return Reply{}, false
}

// Pause is how long an account is left alone. The zero value leaves it to the
// general schedule.
type Pause struct {
	For time.Duration
	// Day is until 00:05 of the next day in China. Where the day's window of
	// the Chinese providers ends is not published; this is the likely end.
	Day bool
	// Firm says that a try before the end makes it longer: there is none, not
	// even when a person asks for it.
	Firm bool
}

// chinaHours is China's distance from UTC; it has no summer time.
const chinaHours = 8

// afterMidnight leaves the provider a moment to begin its day.
const afterMidnight = 5 * time.Minute

// Until is the end of a pause that begins now, the zero time for the zero
// Pause.
func (p Pause) Until(now time.Time) time.Time {
	switch {
	case p.Day:
		china := now.In(time.FixedZone("China", chinaHours*60*60))
		midnight := time.Date(china.Year(), china.Month(), china.Day()+1, 0, 0, 0, 0, china.Location())
		return midnight.Add(afterMidnight).In(now.Location())
	case p.For > 0:
		return now.Add(p.For)
	default:
		return time.Time{}
	}
}

// String reads "15m", "until 00:05 in China" or "24h without a try".
func (p Pause) String() string {
	text := ""
	switch {
	case p.Day:
		text = "until 00:05 in China"
	case p.For > 0:
		text = shortDuration(p.For)
	}
	if p.Firm {
		text += " without a try"
	}
	return text
}

// shortDuration is "15m" and "24h" where Duration has "15m0s" and "24h0m0s".
func shortDuration(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes String.
func (p Pause) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
