package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// What a call of sendmail is for.
const (
	sendmailDeliver = "deliver"
	sendmailQueue   = "queue"   // -bp, mailq
	sendmailAliases = "aliases" // -bi, newaliases
	sendmailFlush   = "flush"   // -q
	sendmailHelp    = "help"
)

// sendmailCall is a command line of sendmail, understood.
type sendmailCall struct {
	mode string
	// from and name are those of -f and -F; sender says that -f was given, also
	// as "<>".
	from, name string
	sender     bool
	header     bool // -t: the header names recipients
	dots       bool // -i: a line with a single dot does not end the message
	verbose    bool
	to         []string
	config     string // --config and --state of our own
	state      string
}

// withValue are the options that take a value, in the same word or the next
// one, as Postfix and Sendmail have them. What they say besides -b, -f, -F, -o
// and -r does not concern an agent that always queues.
const withValue = "ABCFLNORVXbefhopr"

// withRest are the options that take the rest of their word and never the next
// one.
const withRest = "Mdq"

// arguments is the command line of a program that may be called by one of the
// names of the mail programs.
func arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	switch filepath.Base(argv[0]) {
	case "sendmail":
		return append([]string{"sendmail"}, argv[1:]...)
	case "mailq":
		return append([]string{"sendmail", "-bp"}, argv[1:]...)
	case "newaliases":
		return append([]string{"sendmail", "-bi"}, argv[1:]...)
	default:
		return argv[1:]
	}
}

// parseSendmail understands what programs have called sendmail with for forty
// years: options together (-ti) and apart, their values in the same word or
// the next one. Options that do not concern us are accepted.
func parseSendmail(args []string) (sendmailCall, error) {
	call := sendmailCall{mode: sendmailDeliver}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			call.to = append(call.to, args...)
			return call, nil
		case strings.HasPrefix(word, "--"):
			args = call.long(strings.TrimPrefix(word, "--"), args)
		case len(word) > 1 && word[0] == '-':
			var err error
			if args, err = call.short(word[1:], args); err != nil {
				return call, err
			}
		default:
			call.to = append(call.to, word)
		}
	}
	return call, nil
}

// short reads a word of options of one letter and returns the words after it.
func (c *sendmailCall) short(word string, args []string) ([]string, error) {
	for i := range len(word) {
		letter, rest := word[i], word[i+1:]
		switch {
		case strings.IndexByte(withRest, letter) >= 0:
			if letter == 'q' {
				c.mode = sendmailFlush
			}
			return args, nil
		case strings.IndexByte(withValue, letter) < 0:
			c.flag(letter)
			continue
		}
		value := rest
		if rest == "" && len(args) > 0 && (letter != 'V' || !strings.HasPrefix(args[0], "-")) {
			value, args = args[0], args[1:]
		} else if rest == "" && letter != 'V' {
			return nil, fmt.Errorf("sendmail: option -%c needs a value", letter)
		}
		return args, c.value(letter, value)
	}
	return args, nil
}

// flag is an option without a value; those that say nothing to us pass.
func (c *sendmailCall) flag(letter byte) {
	switch letter {
	case 't':
		c.header = true
	case 'i':
		c.dots = true
	case 'v':
		c.verbose = true
	case 'I':
		c.mode = sendmailAliases
	}
}

func (c *sendmailCall) value(letter byte, value string) error {
	switch letter {
	case 'f', 'r':
		c.from, c.sender = value, true
	case 'F':
		c.name = value
	case 'o':
		c.dots = c.dots || strings.HasPrefix(value, "i")
	case 'b':
		modes := map[string]string{"m": sendmailDeliver, "p": sendmailQueue, "i": sendmailAliases}
		mode, ok := modes[value]
		if !ok {
			return fmt.Errorf("sendmail: mode -b%s is not there: tocsin takes mail from standard input (-bm), lists the queue (-bp) and has no alias database (-bi)",
				printable(value))
		}
		c.mode = mode
	}
	return nil
}

// long reads an option in words, as msmtp has them, and our own.
func (c *sendmailCall) long(option string, args []string) []string {
	name, value, given := strings.Cut(option, "=")
	switch name {
	case "from", "config", "state":
		if !given && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		switch name {
		case "from":
			c.from, c.sender = value, true
		case "config":
			c.config = value
		case "state":
			c.state = value
		}
	case "read-recipients":
		c.header = true
	case "help":
		c.mode = sendmailHelp
	}
	return args
}
