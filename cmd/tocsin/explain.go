package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

// maxExplain bounds what is looked at, in bytes: a line of a log.
const maxExplain = 16 << 10

func newExplainCommand(opt *options) *cobra.Command {
	var name, phase string
	cmd := &cobra.Command{
		Use:   "explain [--provider NAME] [--at STEP] REPLY...",
		Short: "Say what a mail server's reply means, what Tocsin does then, and what you can do",
		Long: `Say what a mail server's reply means, what Tocsin does about it, and what you
can do. REPLY is a reply, a part of one, or a whole line of a log:

  tocsin explain 535 5.7.8
  tocsin explain --provider qq "550 Connection frequency limited"

Without a provider the general rules hold, and the providers to which the reply
means something else are listed.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return explain(opt, name, smtp.Phase(phase), strings.Join(args, " "))
		},
	}
	cmd.Flags().StringVar(&name, "provider", "", "the provider that said it, as \"tocsin providers\" lists them")
	cmd.Flags().StringVar(&phase, "at", "", "the step at which it came: connect, tls, greeting, ehlo, starttls, auth, mail, rcpt, data or dot")
	addJSONFlag(cmd, opt)
	return cmd
}

// explained is the answer of the command.
type explained struct {
	smtp.Explanation

	// Guessed says that the text does not tell at which step the reply came.
	Guessed bool `json:"phase_guessed,omitempty"`
	// Differently lists the providers whose rules say something else.
	Differently []smtp.Explanation `json:"providers,omitempty"`
}

func explain(opt *options, name string, phase smtp.Phase, text string) error {
	if len(text) > maxExplain {
		return &exitError{exitUsage, fmt.Errorf("explain: the text has %d bytes, at most %d", len(text), maxExplain)}
	}
	if name != "" {
		p, ok := provider.Find(name)
		if !ok {
			return &exitError{exitUsage, fmt.Errorf("explain: there is no preset %q; \"tocsin providers\" lists them", name)}
		}
		name = p.Name
	}
	if phase != "" && !slices.Contains(smtp.Phases(), phase) {
		return &exitError{exitUsage, fmt.Errorf("explain: there is no step %q; --at takes %s", string(phase), phaseWords())}
	}
	said, reply, ok := smtp.FindReply(text)
	if !ok {
		return &exitError{exitUsage, errors.New("explain: there is no reply of a mail server in that: it begins with three digits, such as 535 5.7.8")}
	}
	e := explained{}
	if phase == "" {
		phase = said
	}
	if phase == "" {
		phase, e.Guessed = smtp.GuessPhase(reply), true
	}
	e.Explanation = smtp.Explain(phase, reply, name)
	if name == "" {
		e.Differently = smtp.Differences(phase, reply)
	}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(e))
	}
	e.write(opt)
	return nil
}

func phaseWords() string {
	words := make([]string, 0, len(smtp.Phases()))
	for _, p := range smtp.Phases() {
		words = append(words, string(p))
	}
	return strings.Join(words, ", ")
}

func (e explained) write(opt *options) {
	field := func(name, text string) {
		for i, line := range fold(text, terminalColumns-fieldIndent) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(opt.std.out, "%-*s%s\n", fieldIndent, name, line)
		}
	}
	at := string(e.Phase)
	if e.Guessed {
		at += " (most likely; --at says otherwise)"
	}
	field("reply", e.Reply.String())
	field("step", at)
	field("means", e.Meaning)
	if e.Scope != "" {
		field("concerns", fmt.Sprintf("the %s: %s", e.Scope, e.Class))
	}
	field("then", e.Then)
	field("do", e.Advice)
	for _, group := range e.groups() {
		fmt.Fprintln(opt.std.out)
		field("at", strings.Join(group.names, ", "))
		if group.Then != e.Then {
			field("concerns", fmt.Sprintf("the %s: %s", group.Scope, group.Class))
			field("then", group.Then)
		}
		if group.Advice != e.Advice {
			field("do", group.Advice)
		}
	}
}

// group is providers that differ in the same way.
type group struct {
	smtp.Explanation

	names []string
}

func (e explained) groups() []group {
	var groups []group
	for _, d := range e.Differently {
		i := slices.IndexFunc(groups, func(g group) bool { return g.Then == d.Then && g.Class == d.Class && g.Advice == d.Advice })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{Explanation: d})
		}
		groups[i].names = append(groups[i].names, d.Provider)
	}
	return groups
}
