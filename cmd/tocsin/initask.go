package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/setup"
	"tocsin/notify/provider"
	"tocsin/templates"
)

// answered says that flags name the account: what has a usual answer is then not
// asked for.
func (f initFlags) answered() bool { return f.yes || f.provider != "" || f.host != "" }

// answers asks for what no flag says. A secret that is on standard input is all
// that is there.
func (i *initiation) answers(ctx context.Context) (a setup.Answers, err error) {
	if i.flags.secretFile == "-" && !i.asker.typed() {
		if i.piped, err = awaited(ctx, func() (string, error) { return secretOf(i.opt.std.in) }); err != nil {
			return a, err
		}
		i.asker.in = strings.NewReader("")
	}
	for _, ask := range []func(context.Context, *setup.Answers) error{i.askProvider, i.askHost, i.askLogin, i.askSecret, i.askFrom, i.askTo} {
		if err := ask(ctx, &a); err != nil {
			return a, err
		}
	}
	if i.flags.caFile != "" {
		a.CAFile, err = awaited(ctx, func() (string, error) { return certificates(i.flags.caFile) })
	}
	return a, err
}

// question is one that a flag may answer.
type question struct {
	flag, text string
	// given is what the flag says, asked only when that is empty.
	given string
	// other is the answer of whoever says nothing.
	other string
	// optional is not asked with --yes.
	optional bool
	take     func(string) error
}

func (i *initiation) ask(ctx context.Context, q question) error {
	switch {
	case q.given != "":
		if err := q.take(q.given); err != nil {
			return fmt.Errorf("--%s: %w", q.flag, err)
		}
		return nil
	case (q.optional || q.other != "") && i.flags.answered():
		return q.take(q.other)
	case i.flags.yes:
		return fmt.Errorf("--%s is missing, and --yes asks nothing", q.flag)
	}
	err := i.asker.ask(ctx, q.text, q.other, q.take)
	if errors.Is(err, errNoAnswer) {
		return fmt.Errorf("%w before --%s was answered", err, q.flag)
	}
	return err
}

func (i *initiation) askProvider(ctx context.Context, a *setup.Answers) error {
	if i.flags.provider == "" && i.flags.host != "" {
		a.Preset = provider.Generic()
		return nil
	}
	if i.flags.provider == "" && !i.flags.yes {
		names := provider.Names()
		fmt.Fprintf(i.asker.out, "Mail providers that are known here, with their hosts and limits:\n%s\nAny other mail server is %q.\n", folded(names[:len(names)-1]), setup.Own)
	}
	err := i.ask(ctx, question{flag: "provider", text: "Provider", given: i.flags.provider, take: func(text string) (err error) {
		a.Preset, err = setup.Provider(text)
		return err
	}})
	if err == nil && a.Preset.Hint != "" {
		fmt.Fprintf(i.asker.out, "%s: %s\n", a.Preset.Title, a.Preset.Hint)
	}
	return err
}

// folded lists names in lines of less than 80 columns.
func folded(names []string) string {
	line, lines := " ", []string{}
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if len(line)+1+len(name) >= 80 {
			lines, line = append(lines, line), " "
		}
		line += " " + name
	}
	return strings.Join(append(lines, line), "\n")
}

// askHost asks where the server is. Of a provider only flags say another one.
func (i *initiation) askHost(ctx context.Context, a *setup.Answers) error {
	if a.NeedsHost() || i.flags.host != "" {
		err := i.ask(ctx, question{flag: "host", text: "Mail server, such as " + a.Preset.Example, given: i.flags.host, take: func(text string) error {
			a.Host = text
			return setup.Host(text)
		}})
		if err != nil {
			return err
		}
	}
	own := a.Preset.Name == provider.Generic().Name
	if own || i.flags.port != "" {
		err := i.ask(ctx, question{flag: "port", text: "Port", given: i.flags.port, other: "465", take: func(text string) (err error) {
			if i.flags.answered() && i.flags.port == "" {
				return nil // what the rule file says of TLS decides
			}
			a.Port, err = a.ReadPort(text)
			return err
		}})
		if err != nil {
			return err
		}
	}
	if !own && i.flags.tls == "" {
		return nil
	}
	usual := "starttls"
	if a.Port == 465 || a.Port == 0 && own {
		usual = "implicit"
	}
	return i.ask(ctx, question{flag: "tls", text: "TLS: implicit, starttls or none", given: i.flags.tls, other: usual, take: func(text string) error {
		a.TLS = text
		return a.CheckTLS(text)
	}})
}

func (i *initiation) askLogin(ctx context.Context, a *setup.Answers) error {
	if a.Preset.Username != "" && i.flags.username == "" {
		return nil
	}
	text := "Username (mostly the address of the account)"
	if !a.NeedsLogin() {
		text = "Username (empty for a server without a login)"
	}
	return i.ask(ctx, question{flag: "username", text: text, given: i.flags.username, optional: !a.NeedsLogin(), take: func(text string) error {
		a.Username = text
		if text == "" && !a.NeedsLogin() {
			return nil
		}
		return a.CheckUsername(text)
	}})
}

// askSecret asks for the secret, or reads it from a file. It is never shown.
func (i *initiation) askSecret(ctx context.Context, a *setup.Answers) error {
	if !a.LogsIn() {
		if i.flags.secretFile != "" {
			return errors.New("--secret-file: without --username there is no login that needs a secret")
		}
		return nil
	}
	take := func(text string) error {
		a.Secret = text
		return setup.Secret(text)
	}
	switch {
	case i.flags.secretFile == "-" && i.asker.typed(): // by a person, and not shown
	case i.flags.secretFile != "":
		text, err := i.piped, error(nil)
		if i.flags.secretFile != "-" {
			text, err = awaited(ctx, func() (string, error) { return secretIn(i.flags.secretFile) })
		}
		if err == nil {
			err = take(text)
		}
		if err != nil {
			return fmt.Errorf("--secret-file: %w", err)
		}
		return nil
	case i.flags.yes:
		return errors.New("--secret-file is missing, and --yes asks nothing")
	}
	word := string(a.Preset.Login)
	if word == "" {
		word = "password"
	}
	err := i.asker.askHidden(ctx, upperFirst(word)+" (it is not shown)", take)
	if errors.Is(err, errNoAnswer) {
		return fmt.Errorf("%w before the secret was given", err)
	}
	return err
}

// awaited is what read returns. A wait ends with ctx: a pipe may have no writer.
func awaited(ctx context.Context, read func() (string, error)) (string, error) {
	done := make(chan answered, 1)
	go func() {
		text, err := read()
		done <- answered{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case said := <-done:
		return said.text, said.err
	}
}

// secretIn reads a secret from a file.
func secretIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return secretOf(f)
}

// secretOf reads a secret. One line end is not part of it.
func secretOf(in io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxLine+1))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func (i *initiation) askFrom(ctx context.Context, a *setup.Answers) error {
	if !a.NeedsFrom() && i.flags.from == "" {
		return nil
	}
	return i.ask(ctx, question{flag: "from", text: "Address that the mails are from", given: i.flags.from, take: func(text string) error {
		a.From = text
		return setup.Address(text)
	}})
}

func (i *initiation) askTo(ctx context.Context, a *setup.Answers) error {
	other := ""
	for _, known := range []string{a.From, a.Username} {
		if _, _, err := templates.Address(known); err == nil {
			other = known
		}
	}
	if i.flags.answered() { // who gets mail is said, not guessed
		other = ""
	}
	return i.ask(ctx, question{flag: "to", text: "Who gets mail (addresses, with commas between)", given: strings.Join(i.flags.to, ","), other: other, take: func(text string) (err error) {
		if len(i.flags.to) > 0 {
			a.To, err = setup.Recipients(i.flags.to...)
		} else {
			a.To, err = setup.Recipients(text)
		}
		return err
	}})
}

// certificates is the absolute path of a file that can be read.
func certificates(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--ca-file: %w", err)
	}
	_ = f.Close() // nothing was read
	return filepath.Abs(path)
}
