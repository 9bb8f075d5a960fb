package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// told is what is said of a configuration, errors with their first letter.
func told(t *testing.T, path string, opt Options) string {
	t.Helper()
	_, problems := Load(path, opt)
	var all []string
	for _, d := range problems.diags {
		if d.Summary == "Rule file open to others" {
			all = append(all, map[hcl.DiagnosticSeverity]string{hcl.DiagError: "E ", hcl.DiagWarning: "W "}[d.Severity]+d.Detail)
		}
	}
	return strings.Join(all, "\n")
}

// TestWriters: rules that somebody else than root and the agent may change are
// refused, and the message says by what.
func TestWriters(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	for _, c := range []struct {
		name   string
		change func(dir string) error
		load   string // below the directory; "conf" unless told
		want   string // {} is the directory
	}{
		{name: "nothing", change: func(string) error { return nil }},
		{name: "read by a group", change: func(dir string) error { return os.Chown(dir+"/conf/a.hcl", 0, 65534) }},
		{"owner", func(dir string) error { return os.Chown(dir+"/conf/a.hcl", 65534, 0) }, "", `"{}/conf/a.hcl" belongs to the user nobody, who could change what the agent runs. Run: chown -h root {}/conf/a.hcl`},
		{"group", func(dir string) error { return os.Chmod(dir+"/conf/a.hcl", 0o664) }, "", `"{}/conf/a.hcl" can be written by the group root. Run: chmod g-w {}/conf/a.hcl`},
		{"all", func(dir string) error { return os.Chmod(dir+"/conf/a.hcl", 0o646) }, "", `"{}/conf/a.hcl" can be written by every user of this machine. Run: chmod o-w {}/conf/a.hcl`},
		{"directory", func(dir string) error { return os.Chmod(dir+"/conf", 0o777) }, "", `"{}/conf" can be written by every user of this machine. Run: chmod go-w {}/conf`},
		{"directory of a file", func(dir string) error { return os.Chmod(dir+"/conf", 0o777) }, "conf/a.hcl", `"{}/conf", which leads to "{}/conf/a.hcl", can be written by every user of this machine. Run: chmod go-w {}/conf`},
		{"sticky directory of a file", func(dir string) error { return os.Chmod(dir+"/conf", 0o777|os.ModeSticky) }, "conf/a.hcl", ""},
		{"sticky directory, to which all may add", func(dir string) error { return os.Chmod(dir+"/conf", 0o777|os.ModeSticky) }, "", `"{}/conf" can be written by every user of this machine. Run: chmod go-w {}/conf`},
		{"parent", func(dir string) error { return os.Chown(dir, 65534, 0) }, "", `"{}", which leads to "{}/conf", belongs to the user nobody, who could change what the agent runs. Run: chown -h root {}`},
		{
			"link of another", func(dir string) error { return os.Lchown(dir+"/linked/a.hcl", 65534, 0) }, "linked",
			`"{}/linked/a.hcl" belongs to the user nobody, who could change what the agent runs. Run: chown -h root {}/linked/a.hcl`,
		},
		{
			"target of a link", func(dir string) error { return os.Chown(dir+"/conf/a.hcl", 65534, 0) }, "linked",
			`"{}/conf/a.hcl", which leads to "{}/linked/a.hcl", belongs to the user nobody, who could change what the agent runs. Run: chown -h root {}/conf/a.hcl`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, err := range []error{
				os.Chmod(dir, 0o755), os.Mkdir(dir+"/conf", 0o755), os.Mkdir(dir+"/linked", 0o755), os.Symlink("../conf/a.hcl", dir+"/linked/a.hcl"),
				os.WriteFile(dir+"/conf/a.hcl", []byte("agent {}\n"), 0o640), c.change(dir),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.load == "" {
				c.load = "conf"
			}
			refused := strings.ReplaceAll(c.want, "{}", dir)
			warned := refused
			if refused != "" {
				refused, warned = "E "+refused, "W "+refused+"\nAn agent that root starts refuses it."
			}
			for _, way := range []struct {
				opt  Options
				want string
			}{{Options{}, refused}, {Options{Secrets: Optional, Strict: true}, refused}, {Options{Secrets: Optional}, warned}} {
				if got := told(t, filepath.Join(dir, c.load), way.opt); got != way.want {
					t.Errorf("secrets %d, strict %t: got\n%s\nwant\n%s", way.opt.Secrets, way.opt.Strict, got, way.want)
				}
			}
		})
	}
}

// TestWritersOfAUser: what a person has checked out is often that person's
// group's, too; it can be validated, and run by that person.
func TestWritersOfAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	const alice, shared = 54321, 54322
	for _, c := range []struct {
		name            string
		uid, gid        int
		mode            os.FileMode
		refused, warned int
	}{
		{"own", alice, alice, 0o664, 0, 0},
		{"of a group that others are in", alice, shared, 0o664, 1, 0},
		{"of another group", alice, 65534, 0o664, 1, 0},
		{"of everybody", alice, alice, 0o666, 1, 1},
		{"of another user", 65534, alice, 0o644, 1, 0},
		{"root's", 0, 0, 0o640, 0, 0},
		{"root's, open to the own group", 0, alice, 0o660, 1, 0},
	} {
		path := filepath.Join(t.TempDir(), "a.hcl")
		for _, err := range []error{os.WriteFile(path, nil, 0o600), os.Chown(path, c.uid, c.gid), os.Chmod(path, c.mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, strict := range []bool{true, false} {
			p := newProblems()
			w := &writers{problems: p, strict: strict, euid: alice, egid: alice, said: map[string]bool{}}
			if c.gid == shared {
				w.egid = shared
			}
			if err := w.look(path); err != nil {
				t.Fatal(err)
			}
			want := [2]int{0, c.warned}
			if strict {
				want = [2]int{c.refused, 0}
			}
			if got := [2]int{p.errors, p.warnings}; got != want {
				t.Errorf("%s, strict %t: got %v errors and warnings, want %v", c.name, strict, got, want)
			}
		}
	}
}
