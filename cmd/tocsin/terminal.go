package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"tocsin/internal/setup"
)

// maxLine bounds an answer, in bytes with its line end.
const maxLine = setup.MaxSecret + 2

// maxTries is how often one question is asked.
const maxTries = 10

// errNoAnswer says that the input ended before everything was answered.
var errNoAnswer = errors.New("the input ended")

// asker asks a person, or a file of lines.
type asker struct {
	in  io.Reader
	out io.Writer

	wanted chan struct{} // asks for a line
	lines  chan answered
}

type answered struct {
	text string
	err  error
}

// line reads one line. A wait ends with ctx, whatever the terminal does.
func (a *asker) line(ctx context.Context) (string, error) {
	if a.wanted == nil {
		a.wanted, a.lines = make(chan struct{}, 1), make(chan answered, 1)
		go readLines(bufio.NewReaderSize(a.in, maxLine), a.wanted, a.lines)
	}
	a.wanted <- struct{}{}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case said := <-a.lines:
		return said.text, said.err
	}
}

// readLines reads a line each time that one is wanted.
func readLines(r *bufio.Reader, wanted <-chan struct{}, lines chan<- answered) {
	for range wanted {
		raw, err := r.ReadSlice('\n')
		text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		switch {
		case err == nil || errors.Is(err, io.EOF) && text != "":
			lines <- answered{text: text}
		case errors.Is(err, io.EOF):
			lines <- answered{err: errNoAnswer}
		case errors.Is(err, bufio.ErrBufferFull):
			lines <- answered{err: fmt.Errorf("an answer is longer than %d bytes", setup.MaxSecret)}
		default:
			lines <- answered{err: fmt.Errorf("read answer: %w", err)}
		}
	}
}

// ask asks until check takes the answer. An empty one means other.
func (a *asker) ask(ctx context.Context, text, other string, check func(string) error) error {
	if other != "" {
		text += " [" + other + "]"
	}
	for range maxTries {
		fmt.Fprintf(a.out, "%s: ", text)
		said, err := a.line(ctx)
		if err != nil || !a.typed() { // nobody has ended the line
			fmt.Fprintln(a.out)
		}
		if err != nil {
			return err
		}
		if said = strings.TrimSpace(said); said == "" {
			said = other
		}
		if err = check(said); err == nil {
			return nil
		}
		fmt.Fprintf(a.out, "  %s.\n", upperFirst(err.Error()))
	}
	return fmt.Errorf("no usable answer in %d tries", maxTries)
}

// askHidden is ask for what must not be seen.
func (a *asker) askHidden(ctx context.Context, text string, check func(string) error) error {
	for range maxTries {
		show, err := hide(a.in)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: ", text)
		said, err := a.line(ctx)
		show()
		fmt.Fprintln(a.out)
		if err != nil {
			return err
		}
		if err = check(said); err == nil {
			return nil
		}
		fmt.Fprintf(a.out, "  %s.\n", upperFirst(err.Error()))
	}
	return fmt.Errorf("no usable answer in %d tries", maxTries)
}

// typed says that the answers come from a terminal, which shows their line ends.
func (a *asker) typed() bool {
	f, ok := a.in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// hide has a terminal not show what is typed, until show is called; whatever else
// in is needs none of that (termios(3)). What was typed before is not read.
func hide(in io.Reader) (show func(), err error) {
	f, ok := in.(*os.File)
	if !ok {
		return func() {}, nil
	}
	fd := int(f.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, nil //nolint:nilerr // it is no terminal
	}
	silent := *old
	silent.Lflag = silent.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	silent.Cc[unix.VQUIT], silent.Cc[unix.VSUSP] = 0, 0 // ^\ and ^Z would leave the terminal silent; ^C ends it in order
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &silent); err != nil {
		return nil, fmt.Errorf("hide what is typed: %w: give the secret with --secret-file", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old) }, nil // nobody could do anything about it
}
