package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"tocsin/internal/postbox"
)

// elsewhere is a command of the documents that is not run here.
type elsewhere struct {
	begins string
	why    string
	// by is what runs it: a file and a test in it, or a file and a line of it.
	by string
}

// notHere are the commands that TestScripts/documents does not run: each has to
// be in a document, and what runs it has to be there.
func notHere() []elsewhere {
	const machine, packages = "needs root on a machine of its own", "e2e/systemd/package_test.go TestPackage"
	return []elsewhere{
		{"make demo", "is the build", ".ci/run make demo"},
		{"make test", "is the build", ".ci/run make test"},
		{"make build", "is the build", "Makefile e2e: build ##"},
		{"make release", "is the build", "Makefile release: package reproducible vuln ##"},
		{"git tag ", "is for who publishes", "packaging/build git describe"},
		{"apt install ", machine, packages},
		{"tocsin init", "asks for a secret, and needs a server", "e2e/systemd/readme_test.go TestReadme"},
		{"install ", machine, "e2e/systemd/root_test.go func install("},
		{"ln -s ", machine, packages},
		{"systemctl ", machine, "e2e/systemd/machinery_test.go TestInstalled"},
		{"cd /var/spool/tocsin && install ", machine, "notify/pickup/quarantine_test.go TestAPrivateFileIsNotMailed"},
		{"curl --unix-socket ", "needs curl", "internal/control/status_test.go TestQuestions"},
		{"tocsin run ", "is the agent of this test", "cmd/tocsin/testdata/documents.txtar exec tocsin run &agent&"},
	}
}

// TestCommandsRunElsewhere: what is said of the commands that are not run here.
func TestCommandsRunElsewhere(t *testing.T) {
	all := documented(t)
	for _, e := range notHere() {
		if !slices.ContainsFunc(all, func(c docCommand) bool { return strings.HasPrefix(c.text, e.begins) }) {
			t.Errorf("no document has a command that begins with %q: take it out", e.begins)
		}
		file, what, _ := strings.Cut(e.by, " ")
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(what, "Test") {
			what = "func " + what + "(t *testing.T)"
		}
		if what == "" || e.why == "" || !strings.Contains(string(text), what) {
			t.Errorf("%q: %s has no %q", e.begins, file, what)
		}
	}
}

// documented are the command lines of all documents, in their order.
func documented(t *testing.T) []docCommand {
	t.Helper()
	var commands []docCommand
	for _, name := range documents(t) {
		all, err := fences(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			commands = append(commands, f.commands()...)
		}
	}
	return commands
}

// TestDocumentedCommandsExist: each command with its flags and the number of its
// arguments, in blocks and in running text.
func TestDocumentedCommandsExist(t *testing.T) {
	blocks, texts := 0, 0
	for _, c := range documented(t) {
		for _, words := range simpleCommands(c.text) {
			blocks++
			if err := understood(words, true); err != nil {
				t.Errorf("%s:%d: %s: %v", c.file, c.line, c.text, err)
			}
		}
	}
	for _, name := range documents(t) {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`((?:tocsin|sendmail|mailq) [^`\n]+)`").FindAllStringSubmatch(string(text), -1) {
			line := strings.NewReplacer("[", "", "]", "", `\|`, "|", "…", "").Replace(m[1])
			for _, words := range simpleCommands(line) {
				texts++
				if err := understood(words, false); err != nil {
					t.Errorf("%s: `%s`: %v", name, m[1], err)
				}
			}
		}
	}
	if blocks < 30 || texts < 60 {
		t.Errorf("got %d commands in blocks and %d in texts, want more", blocks, texts)
	}
}

// understood asks the program whether it has such a command.
func understood(words []string, whole bool) error {
	root := newRoot(&options{})
	root.InitDefaultCompletionCmd()
	switch words[0] {
	case "tocsin":
		words = words[1:]
	case "sendmail", "mailq", "newaliases":
		words = append([]string{"sendmail"}, words[1:]...)
	default:
		return nil // another program
	}
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if cmd == root && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		return fmt.Errorf("unknown command %q", words[0])
	}
	cmd.InitDefaultHelpFlag()
	if cmd.DisableFlagParsing {
		_, err = parseSendmail(rest)
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if args := cmd.Flags().Args(); whole {
		return cobraArgs(cmd, args)
	}
	return nil
}

// cobraArgs says what is wrong with the number of arguments.
func cobraArgs(cmd *cobra.Command, args []string) error {
	if cmd.HasSubCommands() && cmd.Args == nil && cmd.RunE == nil && len(args) > 0 {
		return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
	}
	return cmd.ValidateArgs(args)
}

// simpleCommands takes a command line apart as a shell does, as far as the
// documents go: words, quotes, and what stands between commands.
func simpleCommands(line string) [][]string {
	var all [][]string
	var words []string
	word, quote, begun, file := "", rune(0), false, false
	end := func() {
		if begun && !file { // the name of a file behind "<" or ">" is no word
			words = append(words, word)
		}
		file = file && !begun
		word, begun = "", false
	}
	for _, r := range strings.ReplaceAll(line, "2>&1", "") + ";" {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case strings.ContainsRune("|&;", r):
			end()
			if len(words) > 0 {
				all = append(all, words)
			}
			words, file = nil, false
		case r == '<' || r == '>':
			end()
			file = true
		case r == ' ':
			end()
		default:
			word, begun = word+string(r), true
		}
	}
	return all
}

func TestSimpleCommands(t *testing.T) {
	for line, want := range map[string]string{
		`tocsin reload 2>&1 | grep Did`:                   `[[tocsin reload] [grep Did]]`,
		`tocsin sendmail -t < FILE`:                       `[[tocsin sendmail -t]]`,
		`echo "a b" | tocsin send -s 'c;d' you@example.x`: `[[echo a b] [tocsin send -s c;d you@example.x]]`,
		`make build && tocsin run &`:                      `[[make build] [tocsin run]]`,
		`tocsin defaults >/etc/tocsin/checks.hcl`:         `[[tocsin defaults]]`,
	} {
		if got := fmt.Sprint(simpleCommands(line)); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// runDocuments runs every command of the documents that is not run elsewhere:
// "documents". Each has the exit code 0, unless its comment says "exit".
func runDocuments(ts *testscript.TestScript, _ bool, _ []string) {
	names, err := filepath.Glob("../../docs/*.md")
	ts.Check(err)
	more, err := filepath.Glob("../../docs/reference/*.md")
	ts.Check(err)
	run := 0
	for _, name := range slices.Concat([]string{"../../README.md", "../../CONTRIBUTING.md"}, names, more) {
		all, err := fences(strings.TrimPrefix(name, "../../"))
		ts.Check(err)
		for _, f := range all {
			for _, c := range f.commands() {
				if c.walk || slices.ContainsFunc(notHere(), func(e elsewhere) bool { return strings.HasPrefix(c.text, e.begins) }) {
					continue
				}
				run++
				if err := ts.Exec("sh", "-c", c.text); (err != nil) != c.exit {
					ts.Fatalf("%s:%d: $ %s\n%s%s\nexit: %v, want a failure: %t", c.file, c.line, c.text, ts.ReadFile("stdout"), ts.ReadFile("stderr"), err, c.exit)
				}
			}
		}
	}
	if run < 10 {
		ts.Fatalf("ran %d commands, want 10 or more", run)
	}
}

// startRelay starts a mail server for a script, at $RELAY_PORT.
func startRelay(ts *testscript.TestScript, _ bool, _ []string) {
	server, err := postbox.Start(postbox.Config{Mode: postbox.None})
	ts.Check(err)
	ts.Defer(func() { _ = server.Close() })
	ts.Setenv("RELAY_PORT", fmt.Sprint(server.Port()))
}
