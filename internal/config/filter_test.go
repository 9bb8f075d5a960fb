package config

import (
	"slices"
	"strings"
	"testing"

	"tocsin/checks"
	"tocsin/notify"
)

// TestEveryEventHasAWord holds that filters know the names of all events that
// metrics make, and those of Monit.
func TestEveryEventHasAWord(t *testing.T) {
	pairs := monitPairs()
	for _, kind := range checks.Kinds() {
		for _, m := range kind.Metrics {
			if m.Failed != "" {
				pairs[m.Failed] = m.Recovered
				if m.Recovered == "" {
					pairs[m.Failed] = recoveredName(m.Failed)
				}
			}
		}
	}
	for failed, recovered := range pairs {
		word := notify.FilterWord(failed)
		if word == "" || notify.FilterWord(recovered) != word {
			t.Errorf("%q has the word %q and %q has %q, want one word for both", failed, word, recovered, notify.FilterWord(recovered))
		}
	}
}

// TestMetricWordsAreOfMetrics holds that each word of FilterWords for a metric is
// the first part of one.
func TestMetricWordsAreOfMetrics(t *testing.T) {
	for _, word := range []string{
		"children", "cpu", "disk", "fds", "inodes", "load", "memory", "pressure", "processes", "read", "receive", "space", "swap", "threads", "transmit",
		"write",
	} {
		known := slices.ContainsFunc(checks.Kinds(), func(k checks.Kind) bool {
			return slices.ContainsFunc(k.Metrics, func(m checks.Metric) bool { return m.Name == word || strings.HasPrefix(m.Name, word+".") })
		})
		if !known || !slices.Contains(notify.FilterWords(), word) {
			t.Errorf("%q is no metric, or no word for events", word)
		}
	}
}
