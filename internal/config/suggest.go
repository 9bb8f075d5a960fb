package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxCandidates bounds the work for one suggestion.
const maxCandidates = 1000

// Suggest finds the candidate that was probably meant by a name that is none, ""
// when none is close.
func Suggest(given string, candidates []string) string { return suggest(given, candidates) }

// suggest finds the candidate that was probably meant, "" when none is close.
// Of equally close ones the first wins.
func suggest(given string, candidates []string) string {
	if len(given) > 64 || len(candidates) > maxCandidates {
		return ""
	}
	best, least := "", 3
	if len(given) <= 4 {
		least = 2
	}
	for _, c := range candidates {
		if d := distance(strings.ToLower(given), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	if best != "" {
		return best
	}
	// A part of the right name is a good guess as well: "load" for "load.avg1".
	for _, c := range candidates {
		if len(given) >= 3 && (strings.HasSuffix(c, "."+given) || strings.HasPrefix(c, given+"_")) {
			return c
		}
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbors between two words (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// maxListed bounds a list of what is allowed.
const maxListed = 24

// didYouMean is the hint for a name that is not one of the candidates: the
// likely one, and what there is.
func didYouMean(given string, candidates []string) string {
	hint := ""
	if s := suggest(given, candidates); s != "" {
		hint = fmt.Sprintf(" Did you mean %q?", s)
	}
	return hint
}

// list writes names one after the other, with "and" or "or" before the last.
func list(names []string, conjunction string) string {
	if len(names) > maxListed {
		names = append(slices.Clone(names[:maxListed]), fmt.Sprintf("%d more", len(names)-maxListed))
	}
	switch len(names) {
	case 0:
		return "none"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:len(names)-1], ", ") + " " + conjunction + " " + names[len(names)-1]
	}
}
