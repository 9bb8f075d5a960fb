package checks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tocsin/checks"
)

// TestMetricsHaveExamples wants every metric of these kinds in a check of its
// kind in examples, all of which internal/config loads.
func TestMetricsHaveExamples(t *testing.T) {
	names, err := filepath.Glob("../examples/*.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %q, %v, want examples", names, err)
	}
	rules := map[string]string{} // by kind
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(data), "\ncheck \"") {
			kind, rest, _ := strings.Cut(block, `"`)
			rules[kind] += rest
		}
	}
	for _, name := range []string{"filesystem", "process", "self", "system"} {
		kind, _ := checks.Find(name)
		for _, m := range kind.Metrics {
			used := regexp.MustCompile(`(when|clear) .*[^a-z0-9_.]` + regexp.QuoteMeta(m.Name) + `([^a-z0-9_.]|\n)`)
			if !used.MatchString(rules[name]) {
				t.Errorf("%s %s: got no example, want one in examples/metrics.hcl", name, m.Name)
			}
		}
	}
}
