package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestChangelog(t *testing.T) {
	in := "# Changelog\n\n## Unreleased\n\n- [FEATURE] One thing\n  on two lines.\n- [FIX] " + strings.Repeat("word ", 20) + "\n\n## 0.9\n\n- [FIX] Older.\n"
	want := `tocsin (1.0) unstable; urgency=medium

  * [FEATURE] One thing on two lines.
  * [FIX] word word word word word word word word word word word word word
    word word word word word word word

 -- A <a@b.example>  Tue, 14 Nov 2023 22:13:20 +0000
`
	var out bytes.Buffer
	if err := run([]string{"changelog", "tocsin", "1.0", "A <a@b.example>", "1700000000"}, strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{"empty": "", "no entry": "## Unreleased\n\nSoon.\n"} {
		if err := run([]string{"changelog", "tocsin", "1.0", "A <a@b.example>", "0"}, strings.NewReader(text), &out); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

const mit = "Copyright (c) 2020 Somebody\n\nPermission is hereby granted, free of charge, to any person\n"

func TestCopyright(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go/LICENSE", "Copyright 2009 The Go Authors.\n\nNeither the name of Google\n")
	write("m/LICENSE", mit)
	write("a/LICENSE.txt", "   Apache License\n   Version 2.0, January 2004\n")
	write("a/NOTICE", "Copyright 2018 An Author\n")
	write("odd/COPYING", "Do what you like.\n")
	modules := "example.com/a v1.2.3 " + dir + "/a\nexample.com/m v0.1.0 " + dir + "/m\n"
	want := `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tocsin
Comment: The program is linked statically; what it is made of is listed by module.

Files: *
Copyright: the authors of Tocsin
License: unspecified
 No licence has been chosen for Tocsin yet: its authors keep all rights.

Files: vendor/example.com/a/*
Copyright: 2018 An Author
License: Apache-2.0
Comment: example.com/a v1.2.3
 Copyright 2018 An Author

Files: vendor/example.com/m/*
Copyright: (c) 2020 Somebody
License: MIT-2
 Copyright (c) 2020 Somebody
 .
 Permission is hereby granted, free of charge, to any person
Comment: example.com/m v0.1.0

Files: go/src/*
Copyright: 2009 The Go Authors.
License: BSD-3-Clause-3
 Copyright 2009 The Go Authors.
 .
 Neither the name of Google
Comment: the standard library of Go

License: Apache-2.0
 On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.

License: MPL-2.0
 On Debian systems the full text is in /usr/share/common-licenses/MPL-2.0.

`
	var out bytes.Buffer
	if err := copyright(strings.NewReader(modules), &out, dir+"/go", dir+"/LICENSE"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	// What nobody has looked at is not shipped.
	for name, line := range map[string]string{
		"unknown licence": "example.com/odd v1.0.0 " + dir + "/odd", "no licence": "example.com/none v1.0.0 " + dir, "no module": "example.com/short",
	} {
		if err := copyright(strings.NewReader(line), &out, dir+"/go", dir+"/LICENSE"); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestBill(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.1",
		Deps:      []*debug.Module{{Path: "example.com/m", Version: "v1.0.0", Sum: "h1:abc="}},
		Settings:  []debug.BuildSetting{{Key: "GOARCH", Value: "arm64"}, {Key: "vcs", Value: "git"}},
	}
	sum := sha256.Sum256([]byte("the program"))
	got := billOf(info, "1.0", time.Unix(0, 0).UTC(), sum)
	var refs []string
	for _, c := range got.Components {
		refs = append(refs, c.Ref)
	}
	if diff := cmp.Diff([]string{"pkg:golang/std@1.26.1", "pkg:golang/example.com/m@v1.0.0"}, refs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(refs, got.Dependencies[0].DependsOn); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]property{{"go:GOARCH", "arm64"}}, got.Metadata.Component.Properties); diff != "" {
		t.Error(diff)
	}
	// Of the binary that runs this test there is one, too.
	var out bytes.Buffer
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"sbom", "1.0", "0", self}, nil, &out); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("got %v, %s", err, out.Bytes())
	}
}

func TestMan(t *testing.T) {
	in := `# The title

Some **words** and ` + "`--flag a\\b`" + `, see [there](there.md#part).
.TH is no request.

## Part - one

- an item
  of two lines
2. second

| name | default | meaning |
|---|---|---|
| ` + "`a`" + ` | ` + "`1`" + ` | first \| or not |
| ` + "`b`" + ` | | |

` + "```hcl\n.x = 'é'\n\n```\n"
	want := `.TH TOCSIN.HCL 5 "" Tocsin "File Formats"
.ad l
.nh
.SH NAME
tocsin.hcl \- about it
.SH DESCRIPTION
.PP
Some \fIwords\fR and \fB\-\-flag a\eb\fR, see there. .TH is no request.
.SH "PART - ONE"
.IP \(bu 2
an item of two lines
.IP 2. 4
second
.TP
\fBa\fR
first | or not (default: \fB1\fR)
.TP
\fBb\fR
\&
.PP
.RS 2
.nf
\&.x = \(aq\[u00E9]\(aq

.fi
.RE
`
	var out bytes.Buffer
	if err := run([]string{"man", "tocsin.hcl", "5", "about it"}, strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestManual: groff has nothing to say about the pages, and they fit a terminal
// but for what stands in a document as it is.
func TestManual(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff")
	}
	for _, name := range []string{"reference/commands.md", "rules.md", "operate.md", "sendmail.md"} {
		doc, err := os.Open(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		var page, shown, said bytes.Buffer
		err = run([]string{"man", "tocsin", "1", "about it"}, doc, &page)
		doc.Close()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(groff, "-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=78n")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = &page, &shown, &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v: %s", name, err, said.String())
		}
		text, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(shown.String()) {
			if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > 80 && !strings.Contains(string(text), strings.TrimSpace(line)) {
				t.Errorf("%s: a line is wider than a terminal:\n%s", name, line)
			}
		}
		if shown.Len() < 1000 {
			t.Errorf("%s: got %d bytes of text", name, shown.Len())
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"copyright"}, {"changelog", "a", "b", "c", "now"}, {"sbom", "1.0", "then", "x"}, {"sbom", "1.0", "0", "/nowhere"}} {
		if err := run(args, strings.NewReader(""), &bytes.Buffer{}); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}
