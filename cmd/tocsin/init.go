package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/setup"
	"tocsin/notify/provider"
)

// exitBadData is for answers that cannot be used (sysexits(3), EX_DATAERR).
const exitBadData = 65

// initFlags are answers that nobody is asked for.
type initFlags struct {
	provider, host, port, tls, username, from, secretFile, caFile string

	to          []string
	yes, noTest bool
}

func newInitCommand(opt *options) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up mail: asks for the account and who gets mail, and sends a first one",
		Long: `Set up mail: ask for the mail account and who gets mail, write the rule file and
the secret, have the agent take them, and send a test mail. What a flag says is
not asked; --yes asks nothing at all. Answers may also be lines of standard input.

It writes mail.hcl in the directory of rule files, or the file that --config
names. The secret goes to the agent's unit encrypted (systemd-creds(1)) where that
works, else into smtp.secret beside it. A rule file that is there already and is
different is shown as a diff first and replaced after a yes, or with --yes; the old
one is kept beside it. Whatever is wrong with an answer is said, and nothing is
written then: exit code 65. When the test mail fails everything is in its place, and
what is to be done is said: exit code 1.`,
		Example: `  tocsin init
  tocsin init --provider gmail --username alice@gmail.com --to alice@gmail.com --secret-file app.password
  tocsin init --host mail.example.com --username web-1@example.com --to ops@example.com --secret-file - <password`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i := &initiation{opt: opt, flags: f, machine: thisMachine(), asker: asker{in: opt.std.in, out: opt.std.err}}
			return i.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.provider, "provider", "", "the mail provider, of \"tocsin providers\", or \"own\" for a server of your own")
	flags.StringVar(&f.host, "host", "", "the mail server; without --provider it is one of your own")
	flags.StringVar(&f.port, "port", "", "its port (default that of the provider, or what --tls says)")
	flags.StringVar(&f.tls, "tls", "", "implicit (port 465), starttls (587) or none (default that of the provider or the port)")
	flags.StringVar(&f.username, "username", "", "the login, mostly the address of the account")
	flags.StringVar(&f.secretFile, "secret-file", "", "file with the password, app password or authorization code; \"-\" is standard input")
	flags.StringVar(&f.from, "from", "", "who the mails are from (default the address of the login)")
	flags.StringArrayVar(&f.to, "to", nil, "who gets mail; may be given several times")
	flags.StringVar(&f.caFile, "ca-file", "", "certificate authority of your own that the server's certificate is checked by")
	flags.BoolVar(&f.noTest, "no-test", false, "send no test mail")
	for flag, words := range map[string][]string{"provider": append(provider.Names(), setup.Own), "tls": {"implicit", "starttls", "none"}} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // both are flags
	}
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing, and replace a rule file that is there")
	return cmd
}

// initiation is one run of init.
type initiation struct {
	opt     *options
	flags   initFlags
	machine initMachine
	asker   asker
	place   setup.Place
	// piped is the secret that was on standard input.
	piped string
}

// run goes from the questions to the first mail.
func (i *initiation) run(ctx context.Context) error {
	if err := i.locate(); err != nil {
		return err
	}
	answers, err := i.answers(ctx)
	if err != nil {
		return unusable(err)
	}
	if i.place.Service && answers.LogsIn() {
		i.seal(ctx, answers.Secret)
	}
	files := setup.Plan(answers, i.place)
	before, err := i.tryOut(answers, files)
	if err != nil {
		return err
	}
	if err := i.agreed(ctx, before, files); err != nil {
		return unusable(err)
	}
	if err := i.write(before, files, time.Now()); err != nil {
		return failed(fmt.Errorf("init: %w\nThe agent has not been told of anything. What was written until then may not fit together: mend that, and run tocsin init again", err))
	}
	if err := i.takeEffect(ctx); err != nil {
		return failed(err)
	}
	return i.firstMail(ctx, answers)
}

// unusable is the end of a run that has written nothing.
func unusable(err error) error {
	if errors.Is(err, context.Canceled) {
		return failed(errors.New("init: interrupted, nothing was written"))
	}
	return &exitError{exitBadData, fmt.Errorf("init: %w; nothing was written", err)}
}

// mailFile is what init writes in a directory of rule files.
const mailFile = "mail.hcl"

// locate finds out where the rule file goes and how the agent gets the secret.
func (i *initiation) locate() error {
	path := cmp.Or(i.opt.config, os.Getenv("TOCSIN_CONFIG"), i.machine.etc)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir(), err != nil && filepath.Ext(path) != ".hcl":
		path = filepath.Join(path, mailFile)
	}
	if path, err = filepath.Abs(path); err != nil {
		return failed(err)
	}
	dir := filepath.Dir(path)
	i.place = setup.Place{RuleFile: path, Shared: i.machine.root, Service: dir == i.machine.etc && i.machine.hasUnit(), DropIns: i.machine.dropIns}
	if dir == i.machine.etc && !i.machine.root {
		return failed(fmt.Errorf("init: only root writes to %s: sudo tocsin init", dir))
	}
	return nil
}

// tryOut loads the rule files as they will be. It returns the text of the one that
// is there, nil for none.
func (i *initiation) tryOut(answers setup.Answers, files []setup.File) ([]byte, error) {
	there, err := i.present()
	if err != nil {
		return nil, err
	}
	all := there.others
	for _, f := range files {
		if f.Rules {
			all = append(all, config.File{Name: f.Path, Mode: f.Mode, Text: f.Text})
		}
	}
	_, problems := config.LoadFiles(all, config.Options{Secrets: config.Optional, StateDir: i.opt.state, Credentials: map[string]string{setup.Credential: answers.Secret}})
	if !problems.HasErrors() {
		return there.before, nil
	}
	problems.Write(i.opt.std.err, isTerminal(i.opt.std.err), terminalWidth)
	if there.broken && len(there.others) > 0 {
		return nil, &exitError{exitBadConfig, errors.New("init: the rule files that are there cannot be used, see above: mend them first; nothing was written")}
	}
	return nil, unusable(errors.New("with these answers the rule files could not be loaded, see above"))
}

// presence are the rule files that are there.
type presence struct {
	others []config.File // those beside the one that is to be written
	before []byte        // the text of that one, nil for none
	broken bool          // they cannot be used
}

// present reads the rule files that are there. Another one with a mail server is
// not added to.
func (i *initiation) present() (p presence, err error) {
	cfg, problems := config.Load(i.whole(), config.Options{Secrets: config.Optional, StateDir: i.opt.state})
	p.broken = cfg == nil
	files := problems.Files()
	if path := i.unread(files); path != "" {
		problems.Write(i.opt.std.err, isTerminal(i.opt.std.err), terminalWidth)
		return p, unusable(fmt.Errorf("%s is there and cannot be read, see above: mend it or move it away", path))
	}
	for _, f := range files {
		if f.Name == i.place.RuleFile {
			p.before = f.Text
			continue
		}
		p.others = append(p.others, f)
		if at, found := setup.Configured(f.Text); found {
			return p, unusable(fmt.Errorf("%s has a %s block already (line %d): change it there, or have that whole file written anew: tocsin init -c %[1]s", f.Name, at.Block, at.Line))
		}
	}
	return p, nil
}

// unread is a path that is there and was not read, empty for none: what nobody has
// seen is not replaced, nor added to.
func (i *initiation) unread(read []config.File) string {
	paths, dir := []string{i.place.RuleFile}, filepath.Dir(i.place.RuleFile)
	if i.whole() == dir {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".hcl" && !strings.HasPrefix(e.Name(), ".") {
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, path := range paths {
		_, err := os.Lstat(path)
		if !errors.Is(err, fs.ErrNotExist) && !slices.ContainsFunc(read, func(f config.File) bool { return f.Name == path }) {
			return path
		}
	}
	return ""
}

// whole is what the agent loads: the directory, or the one file that -c names.
func (i *initiation) whole() string {
	path := cmp.Or(i.opt.config, os.Getenv("TOCSIN_CONFIG"), i.machine.etc)
	if filepath.Ext(path) != ".hcl" || filepath.Dir(i.place.RuleFile) == i.machine.etc {
		return filepath.Dir(i.place.RuleFile)
	}
	return i.place.RuleFile
}

// firstMail says what is doubtful in the rule files, and sends the test mail with
// the secret at hand.
func (i *initiation) firstMail(ctx context.Context, answers setup.Answers) error {
	cfg, problems := config.Load(i.whole(), config.Options{Secrets: config.Optional, StateDir: i.opt.state, Credentials: map[string]string{setup.Credential: answers.Secret}})
	if problems.Len() > 0 {
		problems.Write(i.opt.std.err, isTerminal(i.opt.std.err), terminalWidth)
	}
	if problems.HasErrors() {
		return &exitError{exitBadConfig, nil}
	}
	if i.flags.noTest {
		return nil
	}
	err := testMail(ctx, i.opt, cfg, answers.Label(), cfg.Mails[0].To)
	if err == nil {
		fmt.Fprintf(i.opt.std.out, "the first mail is on its way; \"tocsin status\" shows what is watched\n")
		return nil
	}
	return failed(fmt.Errorf("%w\nWhat init wrote is in place, and mail waits until the server takes it. Mend what the hint says;\nto change an answer run tocsin init again, to try once more: tocsin queue retry", err))
}
