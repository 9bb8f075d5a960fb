package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/internal/control"
	"tocsin/notify/provider"
)

// picturedStatus is the status that README has a picture of.
func picturedStatus() control.Status {
	now := time.Date(2026, 11, 22, 3, 16, 0, 0, time.UTC)
	return control.Status{
		Version: "1.0", Host: "web-1", Started: now.Add(-41 * 24 * time.Hour), Now: now,
		Mail:     control.Mail{Waiting: 1, Servers: []control.Server{{Name: "gmail"}}},
		Silences: []control.Silence{{Name: "3", About: "filesystem.data", Until: now.Add(90 * time.Minute), Reason: "moving to the new disk"}},
		Checks: []control.Check{
			{Kind: "system", Name: "web-1", State: control.OK, What: "cpu.percent 12.4 %, memory.percent 61 %"},
			{Kind: "process", Name: "nginx", State: control.Failed, Severity: tocsin.Critical, Since: now.Add(-12 * time.Minute), What: "down: process is not running"},
			{Kind: "host", Name: "shop", State: control.Held, Since: now.Add(-11 * time.Minute), What: "held behind process.nginx/down; down: not reachable"},
			{Kind: "filesystem", Name: "data", State: control.Failed, Severity: tocsin.Warning, Since: now.Add(-3 * time.Hour), What: "space: space.percent 91 % > 90"},
			{Kind: "unit", Name: "postgres", State: control.OK, What: "active true"},
			{Kind: "self", Name: "tocsin", State: control.OK, What: "disk.free 48.2 GiB"},
		},
	}
}

// TestPictures: the status that is drawn is what the program prints, and what
// the pictures were drawn of has not changed since.
func TestPictures(t *testing.T) {
	const dir = "../../docs/images"
	ansi := filepath.Join(dir, "status.ansi")
	want := statusTable(picturedStatus(), true)
	if *updateDay {
		if err := os.WriteFile(ansi, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(ansi)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/images/status.ansi, run with -update, then docs/images/render (-want +got):\n%s", diff)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "drawn"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		if now := sha256.Sum256(data); hex.EncodeToString(now[:]) != sum {
			t.Errorf("%s is another one than its picture was drawn of: run docs/images/render", name)
		}
	}
	if n := strings.Count(string(sums), "\n"); n != 3 {
		t.Errorf("got the sums of %d files, want 3", n)
	}
}

// TestFiguresAreMeasured: each number of README's comparison stands in
// docs/performance.md.
func TestFiguresAreMeasured(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	measured, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Beside Monit\n")
	section, _, _ = strings.Cut(section, "\n## ")
	figures := regexp.MustCompile(`(\d[\d.,]*)(?: to (\d[\d.,]*))? (?:ms|s|MiB|MB|processes|checks)\b`).FindAllStringSubmatch(section, -1)
	for _, m := range figures {
		for _, number := range m[1:] {
			if number != "" && !regexp.MustCompile(`(^|[^\d.,])`+regexp.QuoteMeta(number)+`($|[^\d])`).Match(measured) && number != "100" {
				t.Errorf("%s: docs/performance.md has no %s", m[0], number)
			}
		}
	}
	others := len(provider.All()) - 2 // without Gmail and the generic one
	if want := fmt.Sprintf("Gmail and %d other providers", others); !strings.Contains(string(text), want) {
		t.Errorf("README does not say %q", want)
	}
	if len(figures) < 10 {
		t.Errorf("got %d figures, want 10 or more", len(figures))
	}
}
