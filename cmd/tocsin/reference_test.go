package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// referenceFile documents every command by its own help. The manual page
// tocsin(1) is made of it.
const referenceFile = "../../docs/reference/commands.md"

// referenceEnd is what the help of no single command says.
const referenceEnd = `
## Exit status

| code | meaning |
|---|---|
| ` + "`0`" + ` | it worked |
| ` + "`1`" + ` | it failed; standard error says at what |
| ` + "`2`" + ` | wrong usage |
| ` + "`65`" + ` | an answer to ` + "`tocsin init`" + ` cannot be used; nothing was written |
| ` + "`78`" + ` | the rule file cannot be used; every problem is on standard error |

` + "`tocsin sendmail`, `tocsin status` and `tocsin events`" + ` have codes of their own.

## Environment

| variable | meaning |
|---|---|
| ` + "`TOCSIN_CONFIG`" + ` | the rule file or directory, where ` + "`--config`" + ` names none |
| ` + "`TOCSIN_PICKUP`" + ` | the drop directory of ` + "`tocsin sendmail`" + `, instead of ` + "`/var/spool/tocsin/pickup`" + ` |
| ` + "`CREDENTIALS_DIRECTORY`" + ` | where ` + "`credential()`" + ` of a rule file looks; systemd sets it |
| ` + "`NO_COLOR`" + ` | no colors on a terminal |

## Files

| path | what |
|---|---|
| ` + "`/etc/tocsin/*.hcl`" + ` | the rule files, tocsin.hcl(5) |
| ` + "`/etc/tocsin/mail.hcl`" + ` | the one that ` + "`tocsin init`" + ` writes |
| ` + "`/etc/tocsin/smtp.secret`" + ` | the password that the unit hands over as ` + "`credential(\"smtp\")`" + ` |
| ` + "`/etc/tocsin/smtp.cred`" + ` | the same, encrypted by systemd-creds(1); a drop-in of the unit names it |
| ` + "`/var/lib/tocsin`" + ` | the spool, the quota and the state of the rules |
| ` + "`/var/spool/tocsin/pickup`" + ` | where every program may drop mail |
| ` + "`/run/tocsin/control.sock`" + ` | where the agent answers |

## See also

tocsin.hcl(5), tocsin(8), sendmail(8)
`

// TestReference: the reference is what the program says of itself.
func TestReference(t *testing.T) {
	got := referenceOf(newRoot(&options{}))
	if *updateDay {
		if err := os.MkdirAll(filepath.Dir(referenceFile), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(referenceFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/reference/commands.md is not what the commands say, run with -update:\n%s", diff)
	}
}

func referenceOf(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\n## Synopsis\n\n```text\ntocsin [-c PATH] COMMAND [FLAG]... [ARGUMENT]...\n```\n\n## Description\n\n" + root.Long + "\n\n")
	b.WriteString("`tocsin completion bash`, `zsh` or `fish` prints the completion for a shell; the packages have them. `--help` of any command prints\nwhat stands here.\n")
	b.WriteString("\n## Flags of every command\n\n" + flagTable(root.PersistentFlags().FlagUsages()))
	b.WriteString("\n## Commands\n")
	for _, c := range root.Commands() {
		describeCommand(&b, c)
	}
	b.WriteString(referenceEnd)
	return b.String()
}

// describeCommand writes a command and those below it.
func describeCommand(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "completion" || c.Name() == "help" {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n%s.\n\n```text\n%s\n```\n", c.CommandPath(), c.Short, c.UseLine())
	if c.Long != "" {
		b.WriteString("\n" + fenced(c.Long) + "\n")
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.TrimSpace(strings.ReplaceAll(c.Example, "\n  ", "\n")))
	}
	if table := flagTable(c.LocalNonPersistentFlags().FlagUsages()); table != "" {
		b.WriteString("\n" + table)
	}
	for _, sub := range c.Commands() {
		describeCommand(b, sub)
	}
}

// fenced puts the indented lines of a help text, which are examples or tables,
// between fences.
func fenced(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text + "\n") {
		line = strings.TrimRight(line, "\n")
		if indented := strings.HasPrefix(line, "  "); line != "" && indented != inside {
			if inside {
				b.WriteString("```\n\n")
			} else if strings.HasPrefix(line, "  tocsin ") {
				b.WriteString("```sh\n")
			} else {
				b.WriteString("```text\n")
			}
			inside = indented
		}
		b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
	}
	if inside {
		b.WriteString("```\n")
	}
	return strings.TrimRight(strings.ReplaceAll(b.String(), "\n\n```\n\n", "\n```\n\n"), "\n")
}

// flagLine is a flag in a help text: its name with a placeholder, and its usage.
var flagLine = regexp.MustCompile(`^ +(-.*?) {2,}(.*)$`)

// flagTable makes a table of the flags of a help text, empty where there are
// none.
func flagTable(usages string) string {
	var b strings.Builder
	for line := range strings.Lines(usages) {
		m := flagLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || strings.Contains(m[1], "--help") {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", m[1], strings.ReplaceAll(m[2], "|", `\|`))
	}
	if b.Len() == 0 {
		return ""
	}
	return "| flag | meaning |\n|---|---|\n" + b.String()
}
