package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/internal/config"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata/bad")

// TestBad loads every file of testdata/bad and compares what is said of it.
// An archive holds the rule files and "want"; its comment may hold lines that
// set the stage: "env NAME=VALUE", "mode 0644 FILE", "load PATH", "optional".
func TestBad(t *testing.T) {
	names := glob(t, "testdata/bad/*.txtar")
	if len(names) < 50 {
		t.Errorf("got %d bad files, want 50 or more", len(names))
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := parse(t, name)
			got, _ := loadArchive(t, archive)
			if got == "" {
				t.Fatalf("got no problem, want one")
			}
			checkWant(t, name, archive, got)
		})
	}
}

// TestGood loads every file of testdata/good: without a problem, or with the
// warnings in "want".
func TestGood(t *testing.T) {
	for _, name := range glob(t, "testdata/good/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := parse(t, name)
			got, cfg := loadArchive(t, archive)
			if cfg == nil {
				t.Errorf("got no configuration, want one")
			}
			checkWant(t, name, archive, got)
		})
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("glob %q: got %v, %v, want files", pattern, names, err)
	}
	for i := range names {
		if names[i], err = filepath.Abs(names[i]); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func parse(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// loadArchive writes the files of an archive and loads them.
func loadArchive(t *testing.T, archive *txtar.Archive) (string, *config.Config) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{}
	opt := config.Options{
		Host: func() string { return "web-1.example.com" },
		Env: func(name string) (string, bool) {
			value, ok := env[name]
			return value, ok
		},
	}
	path := "tocsin.hcl"
	for line := range strings.Lines(string(archive.Comment)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 1 && words[0] == "optional":
			opt.Secrets = config.Optional
		case len(words) == 2 && words[0] == "load":
			path = words[1]
		case len(words) == 2 && words[0] == "env":
			name, value, _ := strings.Cut(words[1], "=")
			env[name] = value
		case len(words) == 3 && words[0] == "mode":
			mode, err := strconv.ParseUint(words[1], 8, 32)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(words[2], os.FileMode(mode)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cfg, problems := config.Load(path, opt)
	if problems.HasErrors() == (cfg != nil) {
		t.Errorf("got errors %t and a configuration %t, want one of them", problems.HasErrors(), cfg != nil)
	}
	var b bytes.Buffer
	problems.Write(&b, false, 100)
	return b.String(), cfg
}

func checkWant(t *testing.T, name string, archive *txtar.Archive, got string) {
	t.Helper()
	want, at := "", -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want, at = string(f.Data), i
		}
	}
	if *update {
		file := txtar.File{Name: "want", Data: []byte(got)}
		switch {
		case at >= 0:
			archive.Files[at] = file
		case got != "":
			archive.Files = append(archive.Files, file)
		}
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems of %s (-want +got):\n%s", filepath.Base(name), diff)
	}
}
