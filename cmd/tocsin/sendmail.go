package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tocsin/internal/durable"
	"tocsin/notify/pickup"
	"tocsin/notify/spool"
)

// The exit codes of sendmail (sysexits(3)).
const (
	exitSendmailUsage = 64
	exitDataErr       = 65
	exitUnavailable   = 69
	exitTempFail      = 75
)

func newSendmailCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "sendmail [OPTION]... [RECIPIENT]...",
		Short: "Take a mail from standard input, as sendmail does",
		Long: `Take a mail from standard input for the running agent, or for the next one: what
cron, mdadm, smartd and git expect of /usr/sbin/sendmail. Any user may call it;
it reads neither the rule file nor a secret. The program acts so as well when it
is called by the name sendmail, mailq or newaliases.

  -t           the header names the recipients (To, Cc, Bcc)
  -i, -oi      a line with a single dot does not end the message
  -f, -r ADDR  the sender; the account decides what the mail really comes from
  -F NAME      the sender's name
  -bp          list the queue (mailq)
  -v           say what was done

Other options of sendmail are accepted. Exit code 0 means that the mail is
durable, 64 wrong usage, 65 a bad address, 69 a message over the size limit, 75
that it could not be kept now.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			// Whoever reads our words may go; the mail does not depend on it.
			signal.Ignore(syscall.SIGPIPE)
			call, err := parseSendmail(args)
			if err != nil {
				return &exitError{exitSendmailUsage, err}
			}
			opt.config, opt.state = cmp.Or(call.config, opt.config), cmp.Or(call.state, opt.state)
			switch call.mode {
			case sendmailHelp:
				return cmd.Help()
			case sendmailQueue:
				return mailq(opt)
			case sendmailAliases, sendmailFlush:
				if call.verbose {
					fmt.Fprintln(opt.std.err, "nothing to do: aliases stand in the rule file (aliases { root = [\"ops@example.com\"] }), and the agent tries by itself")
				}
				return nil
			}
			return sendmail(cmd.Context(), opt, call)
		},
	}
}

// pickupDir is where the sendmail command puts mail. It may not ask the rule
// file.
func pickupDir() string { return cmp.Or(os.Getenv("TOCSIN_PICKUP"), pickup.DefaultDir) }

// sendmail takes one message. It is durable when it returns nil.
func sendmail(ctx context.Context, opt *options, call sendmailCall) error {
	drop := pickup.Drop{Name: call.name}
	var err error
	if drop.From, err = envelopeSender(call); err != nil {
		return &exitError{exitDataErr, fmt.Errorf("sendmail: sender: %w", err)}
	}
	if drop.To, err = argvRecipients(call); err != nil {
		return &exitError{exitDataErr, fmt.Errorf("sendmail: recipient: %w", err)}
	}
	if !call.header && len(drop.To) == 0 {
		return &exitError{exitSendmailUsage, errors.New("sendmail: no recipient: name one, or give -t for those of the header")}
	}
	dir := pickupDir()
	if drop.Message, err = readMessage(ctx, opt.std.in, call.dots, maxSize(dir)); err != nil {
		return err
	}
	if len(drop.Message) == 0 && closedInput(opt.std.in) {
		return &exitError{exitDataErr, errors.New("sendmail: there is no message: standard input is closed")}
	}
	if call.header {
		named, err := pickup.Recipients(drop.Message)
		if err != nil {
			return &exitError{exitDataErr, fmt.Errorf("sendmail: recipient in the header: %w", err)}
		}
		if drop.To = append(drop.To, named...); len(drop.To) == 0 {
			return &exitError{exitDataErr, errors.New("sendmail: no recipient in To, Cc or Bcc of the header")}
		}
	}
	if len(drop.To) > pickup.MaxRecipients {
		return &exitError{exitDataErr, fmt.Errorf("sendmail: %d recipients, at most %d are taken", len(drop.To), pickup.MaxRecipients)}
	}
	file, err := drop.Encode()
	if err != nil {
		return &exitError{exitDataErr, fmt.Errorf("sendmail: %w", err)}
	}
	name := spool.NewID()
	if err := durable.Drop(dir, name, file); err != nil {
		return &exitError{exitTempFail, fmt.Errorf("sendmail: mail not taken: %w%s", err, dropHint(dir, err))}
	}
	if call.verbose {
		fmt.Fprintf(opt.std.err, "queued as file %s for %s\n", name, strings.Join(drop.To, ", "))
	}
	return nil
}

// closedInput says whether the caller closed standard input: the runtime then
// has opened /dev/null in its place, for reading and writing. Who means an empty
// mail opens it for reading, as a shell's </dev/null does.
func closedInput(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	var st, null unix.Stat_t
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR && unix.Fstat(int(f.Fd()), &st) == nil && unix.Stat(os.DevNull, &null) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == null.Rdev
}

// dropHint says what to do about a drop directory that takes nothing.
func dropHint(dir string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("; there is no directory %s: start the agent, or run: systemd-tmpfiles --create tocsin.conf", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("; %s must have mode 1733: run: systemd-tmpfiles --create tocsin.conf", dir)
	default:
		return ""
	}
}

// envelopeSender is the address of -f, empty for none and for "<>".
func envelopeSender(call sendmailCall) (string, error) {
	if !call.sender || call.from == "" || call.from == "<>" {
		return "", nil
	}
	list, err := pickup.ParseList(call.from)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fmt.Errorf("%w: %q holds %d", pickup.ErrAddress, call.from, len(list))
	}
	return list[0].Address, nil
}

// argvRecipients are the recipients on the command line. One word may list
// several with commas: cron passes MAILTO as it stands.
func argvRecipients(call sendmailCall) ([]string, error) {
	var to []string
	for _, word := range call.to {
		list, err := pickup.ParseList(word)
		if err == nil && len(list) == 0 {
			err = pickup.CheckAddress(word)
		}
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			to = append(to, m.Address)
		}
	}
	return to, nil
}

// maxSize is the largest message that is taken: what the agent has published
// beside the drop directory, or the default.
func maxSize(dir string) int64 {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(dir), pickup.MaxSizeName), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return pickup.DefaultMaxSize
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 32)) // what is torn is no number
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 || n > maxInput {
		return pickup.DefaultMaxSize
	}
	return n
}

// readMessage reads a message of at most limit bytes to its end, or without
// dots to a line with a single dot. One that is cut off by a signal is not
// sent.
func readMessage(ctx context.Context, in io.Reader, dots bool, limit int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := readToEnd(io.LimitReader(in, limit+1), dots)
		read <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, &exitError{exitTempFail, errors.New("sendmail: ended by a signal before the message was whole; nothing was sent")}
	case r := <-read:
		if r.err != nil {
			return nil, &exitError{exitTempFail, fmt.Errorf("sendmail: read the message: %w", r.err)}
		}
		if int64(len(r.data)) > limit {
			return nil, &exitError{exitUnavailable, fmt.Errorf("sendmail: the message has more than %d bytes, the most that is taken (max_size)", limit)}
		}
		return r.data, nil
	}
}

func readToEnd(in io.Reader, dots bool) ([]byte, error) {
	if dots {
		return io.ReadAll(in)
	}
	var data []byte
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if string(bytes.TrimRight(line, "\r\n")) == "." {
			return data, nil
		}
		data = append(data, line...)
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
