package config

import (
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
