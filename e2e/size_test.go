//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestSize: an import that costs half a megabyte is not taken in without a word
// in docs/performance.md.
func TestSize(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/performance.md")
	must(t, err)
	row := regexp.MustCompile(`(?m)^\| binary, stripped \| ([\d.]+) MB \|`).FindSubmatch(text)
	if row == nil {
		t.Fatal("docs/performance.md has no row about the binary")
	}
	noted, err := strconv.ParseFloat(string(row[1]), 64)
	must(t, err)
	info, err := os.Stat(os.Getenv("TOCSIN_BIN"))
	must(t, err)
	if size := float64(info.Size()) / 1e6; size > noted+0.5 {
		t.Errorf("got a binary of %.1f MB, docs/performance.md notes %.1f: what is it that costs so much?", size, noted)
	}
}
