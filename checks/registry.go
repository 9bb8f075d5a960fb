// Package checks reads what Tocsin watches: one file a kind, and Kinds, the
// one table of them. A check only reads; it never decides or sends, and only
// the kind program runs anything.
package checks

import (
	"context"

	"tocsin"
)

// Metric describes one metric of a kind.
type Metric struct {
	Name string // dotted, such as "space.percent"
	Unit Unit
	Doc  string // one line, with its source: "used space without the reserve, statfs(2)"
	// Failed and Recovered are $EVENT of a rule whose first metric this is,
	// in Monit's words. Empty means "Resource limit matched" and "Resource
	// limit succeeded".
	Failed, Recovered string
	// Words are the texts that one of the unit Word can be.
	Words Words
	// News is for what happened since the previous reading, which no later one
	// says again.
	News bool
}

// Attribute describes one attribute of a check block of a kind.
type Attribute struct {
	Name string
	Doc  string
	// Type is what a rule file writes, empty for a text, and Default what holds
	// without it, in words; empty is that nothing does.
	Type, Default string
	// Required is for an attribute that every check of the kind needs.
	Required bool
	// Valid says what is wrong with a value, nil when nothing is. It looks
	// at the text alone, never at this host. Of a list it sees each part.
	Valid func(text string) error
	// List is for an attribute that also takes a list of texts. Its value is
	// one a line.
	List bool
}

// Kind is one kind of check.
type Kind struct {
	Name       string
	Doc        string
	Attributes []Attribute
	Metrics    []Metric
	// OneOf names attributes of which exactly one is set; empty means none.
	OneOf []string
	// Valid says what is wrong with a check as a whole, such as a metric that
	// needs an attribute; nil when the kind has no such rule.
	Valid func(s Spec) error
	// Absent is $DESCRIPTION when the metric "exists" is false, such as
	// "process is not running". It is empty for a kind without that metric.
	Absent string
	// Grouped is for kinds whose readers share one pass over the host, so
	// that checks with the same interval are read at the same time.
	Grouped bool
	// Quick says whether a reading of a check takes microseconds, unless
	// something hangs: those that are due together share a goroutine. Nil means
	// that none does.
	Quick func(s Spec) bool
	// Open makes a reader for one check. It touches nothing yet; what is
	// missing on the host shows in the reading.
	Open func(h *Host, s Spec) (Reader, error)
	// Several is for a kind one of whose attributes makes a check stand for
	// several; nil for the others.
	Several *Several
}

// Several makes the checks of a host out of one of a rule file. Open is for
// what comes out of it.
type Several struct {
	// Attribute is set where a check stands for several.
	Attribute string
	// Expand is one Spec for each thing that is there now, in a lasting order,
	// with names of their own. The error says why nothing is known.
	Expand func(h *Host, s Spec) ([]Spec, error)
	// Alert returns what waits until Expand may say something else than it
	// would have said when Alert was called; an error means that asking now and
	// then has to do.
	Alert func(h *Host) func(ctx context.Context) error
}

// In says whether a check stands for several; s may be nil.
func (s *Several) In(spec Spec) bool {
	return s != nil && spec.Attributes.Of(s.Attribute) != ""
}

// Spec is one check of a rule file.
type Spec struct {
	Name string
	// Attributes holds the kind's own attributes that are set.
	Attributes tocsin.Attributes
	// Metrics holds the names of the metrics that some rule uses. A reader
	// reads no others. Nil means all. Names that the kind does not have are
	// ignored.
	Metrics map[string]bool

	mounted bool // Expand found that its path is a mount point
}

// always is for kinds of which every check is quick.
func always(Spec) bool { return true }

// Reader reads one check. Read returns within ctx where the kernel allows; a
// system call that cannot be cancelled may hold it longer, and the caller must
// not wait for that. Read is never called twice at the same time. An error
// means that nothing of the check could be read.
type Reader interface {
	Read(ctx context.Context) (tocsin.Reading, error)
}

// Kinds is every kind of check, sorted by name. The caller owns the slice.
func Kinds() []Kind {
	kinds := []Kind{
		directoryKind(),
		fifoKind(),
		fileKind(),
		filesystemKind(),
		hostKind(),
		networkKind(),
		processKind(),
		programKind(),
		selfKind(),
		systemKind(),
		unitKind(),
	}
	for i, kind := range kinds {
		kinds[i] = withWords(kind)
	}
	return kinds
}

// Find is the kind of that name; false when there is none.
func Find(name string) (Kind, bool) {
	for _, kind := range Kinds() {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}
