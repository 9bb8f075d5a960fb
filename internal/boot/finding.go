package boot

import (
	"cmp"
	"slices"
	"strings"
)

// Finding is a trace of why a machine went down without being asked to.
type Finding struct {
	// Cause is a few words for a subject: "kernel panic", or "after disk
	// errors" for what need not be the cause. Empty: the trace says nothing
	// short.
	Cause string
	// Text is the line itself, and Source where it stood. Both are printable
	// and on one line.
	Text, Source string

	rank int
}

// The causes, by how much they say. What ranks up to lastProof happened and
// cannot happen to a machine that goes down in order.
const (
	rankPanic = iota
	rankWatchdog
	rankHeat
	rankOops
	rankReset
	rankFirmware
	rankHardware
	rankMemory
	rankDisk
	rankVague

	lastProof = rankPanic
)

// maxFindings is how many findings are kept, and maxReasons how many of them a
// reason names.
const (
	maxFindings = 10
	maxReasons  = 3
)

// NoTrace is the reason when nothing was found: what resets a machine without
// its kernel leaves no word.
const NoTrace = "no trace: power loss, hard reset or the hypervisor"

// noCause is the same for a subject.
const noCause = "power loss or hard reset"

// Cause is the best finding's, in a few words.
func Cause(findings []Finding) string {
	for _, f := range findings {
		if f.Cause != "" {
			return f.Cause
		}
	}
	return noCause
}

// Reason names the best findings on one line, or says that there are none.
func Reason(findings []Finding) string {
	if len(findings) == 0 {
		return NoTrace
	}
	var texts []string
	for _, f := range findings[:min(len(findings), maxReasons)] {
		text := printable(f.Text, maxLine)
		if f.Source != "" {
			text += " (" + printable(f.Source, maxShort) + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// proof says whether a finding alone proves that the ending was not clean.
func proof(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Cause != "" && f.rank <= lastProof })
}

// best sorts findings by how much they say, keeps one of each kind from each
// source, and at most maxFindings.
func best(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.rank, b.rank) })
	kept := make([]Finding, 0, min(len(findings), maxFindings))
	for _, f := range findings {
		same := func(k Finding) bool { return k.rank == f.rank && k.Source == f.Source || k.Text == f.Text }
		if len(kept) < maxFindings && !slices.ContainsFunc(kept, same) {
			kept = append(kept, f)
		}
	}
	return kept
}
