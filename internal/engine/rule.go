// Package engine decides: it reads every check on its own interval, keeps the
// history that windows need, steps every rule and hands each event on, durably
// and in order.
package engine

import (
	"context"
	"time"

	"tocsin"
	"tocsin/internal/schedule"
)

// Reader reads one check; see checks.Reader for what it promises.
type Reader interface {
	Read(ctx context.Context) (tocsin.Reading, error)
}

// HereReader is a reader whose calls may hang, and which can make them in the
// goroutine of who reads: then it returns when they do, however late. The engine
// waits for no reading anyway, and a goroutine for each costs more than they do.
type HereReader interface {
	ReadHere(ctx context.Context) (tocsin.Reading, error)
}

// Stucker is a reader that says in its own words that a reading has not come back
// for so long. Stuck is called while one is out.
type Stucker interface {
	Stuck(since time.Duration) error
}

// Truth is the three-valued result of a condition (Kleene logic). The zero
// value is Unknown: no data, neither fulfilled nor failed.
type Truth uint8

// The truths.
const (
	Unknown Truth = iota
	False
	True
)

// Ref names a metric of another check.
type Ref struct {
	Check  string // as CheckID has it
	Metric string
}

// CheckID names a check for the whole agent: KIND.NAME.
func CheckID(kind, name string) string { return kind + "." + name }

// ID names the check for the whole agent.
func (c *Check) ID() string { return CheckID(c.Kind, c.Name) }

// View is all that a condition may look at.
type View struct {
	Reading tocsin.Reading
	History *History
	Now     time.Time
	News    []News // of the check
	// Seen is what the rule saw last of the metrics in its Changes; it is never
	// changed in place.
	Seen map[string]string
	// Other is the last value of a metric of another check, the zero Value when
	// there is none that is fresh. It is nil where there are no others.
	Other func(Ref) tocsin.Value
}

// Referred is Other, or no data.
func (v View) Referred(r Ref) tocsin.Value {
	if v.Other == nil {
		return tocsin.Value{}
	}
	return v.Other(r)
}

// Changed says whether a metric has another value than the rule saw last;
// Unknown when it has none, or there was none.
func (v View) Changed(metric string) Truth {
	value := v.Reading.Values.Of(metric)
	before, seen := v.Seen[metric]
	switch {
	case value.Kind() == tocsin.NoValue || !seen:
		return Unknown
	case value.String() == "" && v.isNews(metric):
		return Unknown
	case value.String() != before:
		return True
	default:
		return False
	}
}

// Condition is a rule's expression. Eval never blocks and never panics; what
// cannot be computed for want of data is Unknown.
type Condition interface {
	Eval(View) Truth
}

// Explain puts the values of a view into words.
type Explain func(View) (description, value string)

// Rule is a condition on a check's readings and what follows from it.
type Rule struct {
	Name     string
	Severity tocsin.Severity
	When     Condition
	// Clear ends a failure. Nil means that When has become false.
	Clear Condition
	// Says is the text of When and Clear: a rule that says something else after a
	// reload waits anew.
	Says string
	// For is how long When must hold without a break before the rule fails.
	For time.Duration
	// ClearFor is how long Clear must hold before the rule recovers.
	ClearFor time.Duration
	// Delay takes the place of ClearFor and grows while the rule flaps, up to
	// MaxDelay; 0 means that nothing grows.
	Delay time.Duration
	// Times and Within are for flapping: the rule fails when When was true
	// in at least Times readings of the last Within. Zero Times means off.
	Times  int
	Within time.Duration
	// Apart is how far two readings that count for Times are apart at least:
	// what the kernel tells of in a storm is one failure, not a hundred.
	Apart time.Duration
	// Changes names the metrics whose changes When asks for. Such a rule makes
	// an event of type changed each time that When is true, and never fails.
	Changes []string
	// Refs names the metrics of other checks that the conditions ask for.
	Refs []Ref
	// Reminder repeats a failure; 0 means never. It wins over a route's.
	Reminder time.Duration
	// FollowUp is what the routes make of a failure that lasts, at a time; nil
	// for nothing. It is pure.
	FollowUp func(now time.Time) FollowUp
	// Evidence names what of the moment of a failure its mail shows. The engine
	// does nothing with it.
	Evidence []string
	// Metric is the first one of When, for filters of events; empty for none.
	Metric string
	// Failed and Recovered are $EVENT of the two transitions.
	Failed, Recovered string
	// Message replaces the description where it is set; its $VARIABLES are
	// expanded when the event is made.
	Message string
	// Do is what is done about a failure. Exec is the program of the verb Exec,
	// which runs again after each Repeat while the failure lasts; 0 is once.
	Do     Verb
	Exec   Method
	Repeat time.Duration
	// Explain describes a view, such as "cpu.percent 97.3 > 90".
	Explain Explain
}

// Check is one watched thing with its rules.
type Check struct {
	Kind, Name string
	// Attributes are those that only the kind has, for whoever looks for more
	// at the time of a failure. They are never changed in place.
	Attributes tocsin.Attributes
	Reader     Reader
	// Quick says that a reading takes microseconds, unless it hangs.
	Quick bool
	// Groups and Labels are what the rule file puts the check under: its events
	// carry them to the routes. They are never changed in place.
	Groups []string
	Labels map[string]string
	// Pass names checks that share one pass over the host and are therefore
	// read together; empty for a check on its own.
	Pass string
	// Interval is how often the check is read; of a timed schedule it is the
	// shortest time between two readings.
	Interval time.Duration
	Timeout  time.Duration
	// Schedule says in which minutes it is read.
	Schedule schedule.Schedule
	// Events says that a reader that is an Alerter is listened to; one with a
	// timed schedule never is.
	Events bool
	// News names the metrics of the rules that say what is new.
	News []News
	// Windows are those that the rules look back over, each once.
	Windows []Window
	// Picks are those that they ask for the quantiles of; Windows has them too.
	Picks []Window
	Rules []Rule
	// Methods is how the service is started, stopped and restarted; Limit how
	// often. Exists says that an action has to lead to the metric "exists"
	// being true or false, within Patience.
	Methods  map[Verb]Method
	Limit    Limit
	Exists   bool
	Patience time.Duration
	// DependsOn are the ids of the checks without which this one cannot be
	// fine. They never lead back to it.
	DependsOn []string
	// OnReboot says whether the check is monitored after a boot.
	OnReboot OnReboot
	// FollowUp is that of the rule about the data, which every check has.
	FollowUp func(now time.Time) FollowUp
	// Fingerprint changes when the configuration of the check changes.
	Fingerprint string
}
