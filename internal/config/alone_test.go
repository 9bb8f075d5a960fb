package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/internal/config"
)

// TestAlone: whichever block of a good configuration is in a file that cannot be
// parsed, nothing is said of the other blocks.
func TestAlone(t *testing.T) {
	tried := 0
	for _, name := range append(glob(t, "testdata/good/*.txtar"), glob(t, "../../examples/*.hcl")...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			for _, rest := range withoutOne(t, ruleFiles(t, name)) {
				tried++
				files := []config.File{{Name: "broken.hcl", Mode: 0o600, Text: []byte("check {\n")}, {Name: "tocsin.hcl", Mode: 0o600, Text: rest}}
				_, problems := config.LoadFiles(files, testOptions())
				if said := string(problems.JSON()); !problems.HasErrors() || strings.Contains(said, `"tocsin.hcl"`) || strings.Count(said, `"summary"`) != strings.Count(said, `"broken.hcl"`) {
					t.Errorf("got %s of\n%s", said, rest)
				}
			}
		})
	}
	if tried < 100 {
		t.Errorf("got %d configurations, want 100 or more", tried)
	}
}

// ruleFiles are those that are at a path, or that an archive stands for.
func ruleFiles(t *testing.T, name string) [][]byte {
	t.Helper()
	if !strings.HasSuffix(name, ".txtar") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{text}
	}
	archive := parse(t, name)
	loadArchive(t, archive) // writes the files that they name
	var texts [][]byte
	for _, f := range archive.Files {
		read, err := filepath.Match("*/[^.]*.hcl", f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if read || f.Name == "tocsin.hcl" {
			texts = append(texts, f.Data)
		}
	}
	if len(texts) == 0 {
		t.Fatalf("%s has no rule file", name)
	}
	return texts
}

// withoutOne is each file as often as it has blocks, each time without another one.
func withoutOne(t *testing.T, texts [][]byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, text := range texts {
		file, diags := hclsyntax.ParseConfig(text, "tocsin.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks { //nolint:forcetypeassert // as hclsyntax makes it
			at := block.Range()
			out = append(out, bytes.Join([][]byte{text[:at.Start.Byte], text[block.CloseBraceRange.End.Byte:]}, nil))
		}
	}
	return out
}
