package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOwnMistakesAreMade: each summary of the list is one that the loader has.
func TestOwnMistakesAreMade(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "alone.go" && !strings.HasSuffix(name, "_test.go") {
			code.Write(text)
		}
	}
	for _, summary := range ownMistakes() {
		if !strings.Contains(code.String(), strconv.Quote(summary)) {
			t.Errorf("no problem has the summary %q", summary)
		}
	}
}
