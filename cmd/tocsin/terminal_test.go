package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noTerminal leaves out a test where there are no pseudo terminals; in CI there
// have to be.
func noTerminal(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("skipped, which CI does not allow: no pseudo terminals here: %v", err)
	}
	t.Skipf("no pseudo terminals here: %v", err)
}

// openTerminal opens a pseudo terminal (pty(7)): what a person has, and what the
// program has.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		noTerminal(t, err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		noTerminal(t, err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// person reads what a terminal shows and types answers.
type person struct {
	t        *testing.T
	terminal *os.File
	seen     bytes.Buffer
	read     int // how much of it was asked for
}

// answers waits until the terminal shows something new, and answers it.
func (p *person) answers(prompt, text string) {
	p.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(p.seen.String()[p.read:], prompt) {
		n, err := p.terminal.Read(buffer)
		if err != nil {
			p.t.Fatalf("waiting for %q: %v after %q", prompt, err, p.seen.String())
		}
		p.seen.Write(buffer[:n])
	}
	p.read += strings.Index(p.seen.String()[p.read:], prompt) + len(prompt)
	if _, err := p.terminal.WriteString(text); err != nil {
		p.t.Error(err)
	}
}

// TestSecretIsNotShown: a terminal shows every answer but the secret, and shows
// what is typed again afterwards.
func TestSecretIsNotShown(t *testing.T) {
	t.Setenv("TOCSIN_CONFIG", "")
	terminal, program := openTerminal(t)
	dir := t.TempDir()
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"init", "-c", dir, "--state", filepath.Join(dir, "state"), "--no-test"}, streams{program, program, program})
		program.WriteString("the end")
	}()
	p := person{t: t, terminal: terminal}
	p.answers("Provider: ", "fastmail\n")
	p.answers("Username", "alice@example.com\n")
	p.answers("App password (it is not shown): ", " canary-horse\n")
	p.answers("begins or ends with a blank", "")
	p.answers("App password (it is not shown): ", "canary-horse\n")
	p.answers("Who gets mail", "\n")
	p.answers("the end", "")
	if code := <-ended; code != exitOK {
		t.Errorf("got code %d", code)
	}
	if !strings.Contains(p.seen.String(), "alice@example.com\r\n") {
		t.Errorf("the terminal does not show what is typed:\n%s", p.seen.String())
	}
	if strings.Contains(p.seen.String(), "canary") {
		t.Errorf("the terminal shows the secret:\n%s", p.seen.String())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "smtp.secret")); string(text) != "canary-horse\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if flags, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS); err != nil || flags.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal shows nothing any more: %v", err)
	}
}

// TestInterruptedQuestion: ^C at the question for the secret ends the program, and
// the terminal shows what is typed again.
func TestInterruptedQuestion(t *testing.T) {
	t.Setenv("TOCSIN_CONFIG", "")
	terminal, program := openTerminal(t)
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"init", "-c", dir, "--provider", "fastmail", "--username", "alice@example.com"}, streams{program, program, program})
	}()
	p := person{t: t, terminal: terminal}
	p.answers("App password (it is not shown): ", "half")
	interrupt()
	select {
	case code := <-ended:
		if code != exitFailed {
			t.Errorf("got code %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the secret still")
	}
	if flags, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS); err != nil || flags.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal shows nothing any more: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) > 0 {
		t.Errorf("got %q, want nothing written", names)
	}
	if _, err := terminal.WriteString("\n"); err != nil { // the reader ends
		t.Error(err)
	}
}

// TestSecretFromATerminal: "--secret-file -" at a terminal does not show it either,
// and ^\\ does not end the program with a silent terminal.
func TestSecretFromATerminal(t *testing.T) {
	t.Setenv("TOCSIN_CONFIG", "")
	terminal, program := openTerminal(t)
	dir := t.TempDir()
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"init", "-c", dir, "--state", filepath.Join(dir, "state"), "--no-test", "--provider", "fastmail", "--username", "alice@example.com", "--to", "alice@example.com", "--secret-file", "-"}, streams{program, program, program})
		program.WriteString("the end")
	}()
	p := person{t: t, terminal: terminal}
	p.answers("App password (it is not shown): ", "")
	if flags, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS); err != nil || flags.Cc[unix.VQUIT] != 0 || flags.Cc[unix.VSUSP] != 0 {
		t.Errorf("got %+v, %v", flags, err)
	}
	p.answers("", "canary-horse\n")
	p.answers("the end", "")
	if code := <-ended; code != exitOK || strings.Contains(p.seen.String(), "canary") {
		t.Errorf("got code %d:\n%s", code, p.seen.String())
	}
	if flags, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS); err != nil || flags.Cc[unix.VQUIT] == 0 {
		t.Errorf("got %+v, %v", flags, err)
	}
}

// TestPipeWithoutAWriter: the program can be interrupted while it waits for a
// secret that nobody writes.
func TestPipeWithoutAWriter(t *testing.T) {
	t.Setenv("TOCSIN_CONFIG", "")
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	silent, _ := io.Pipe()
	for _, flags := range [][]string{
		{"--username", "alice@example.com", "--secret-file", fifo},
		{"--username", "alice@example.com", "--secret-file", "-"},
		{"--ca-file", fifo},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, interrupt)
		var said bytes.Buffer
		args := append([]string{"init", "-c", dir, "--host", "mail.example.com", "--to", "alice@example.com"}, flags...)
		if code := run(ctx, args, streams{silent, &said, &said}); code != exitFailed || !strings.Contains(said.String(), "interrupted, nothing was written") {
			t.Errorf("%q: got code %d: %s", args, code, said.String())
		}
	}
}
