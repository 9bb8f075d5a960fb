// Package maillog keeps a log of every step of every conversation with a mail
// server, in the W3C extended log file format
// (www.w3.org/TR/WD-logfile.html), as the IIS SMTP service has it. What is in
// it is printable and holds no secret.
package maillog

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/durable"
	"tocsin/notify/smtp"
)

// maxSize is how large the file may grow before it is moved to the same name
// with ".1", in place of the one before.
const maxSize = 10 << 20

// field is one column: its name and its value.
type field struct {
	name  string
	value func(entry) string
}

// entry is one step of a session.
type entry struct {
	at      time.Time
	session uint64
	server  smtp.Server
	step    smtp.Step
}

// columns lists the fields in the order of the default. In their names c is the
// client, which is Tocsin, s the mail server, cs what goes to it, and sc what
// comes from it; x- are not of the standard.
func columns() []field {
	return []field{
		{"date", func(e entry) string { return e.at.UTC().Format(time.DateOnly) }},
		{"time", func(e entry) string { return e.at.UTC().Format(time.TimeOnly) }},
		{"x-session", func(e entry) string { return strconv.FormatUint(e.session, 10) }},
		{"x-account", func(e entry) string { return e.server.Name }},
		{"s-computername", func(e entry) string { return e.server.Host }},
		{"s-ip", func(e entry) string { host, _, _ := net.SplitHostPort(e.step.Peer); return host }},
		{"s-port", func(e entry) string { return strconv.Itoa(e.server.Port) }},
		{"x-step", func(e entry) string { return string(e.step.Phase) }},
		{"cs-method", func(e entry) string { method, _, _ := strings.Cut(e.step.Command, " "); return method }},
		{"cs-uri-query", func(e entry) string { _, query, _ := strings.Cut(e.step.Command, " "); return query }},
		{"sc-status", func(e entry) string {
			if e.step.Reply.Code == 0 {
				return ""
			}
			return strconv.Itoa(e.step.Reply.Code)
		}},
		{"sc-substatus", func(e entry) string { return e.step.Reply.Enhanced }},
		{"x-text", func(e entry) string {
			if e.step.Reply.Code != 0 {
				return e.step.Reply.Text
			}
			return e.step.Text
		}},
		{"time-taken", func(e entry) string { return strconv.FormatInt(e.step.Took.Milliseconds(), 10) }},
	}
}

// Fields lists the names of the fields, in the order of the default.
func Fields() []string {
	var names []string
	for _, f := range columns() {
		names = append(names, f.name)
	}
	return names
}

// Log is one file. It is safe for concurrent use; a nil one keeps nothing.
type Log struct {
	path   string
	fields []field
	log    *slog.Logger

	mu       sync.Mutex
	file     *os.File
	sessions uint64
	told     bool // that it cannot be written
}

// New makes a log of the file at path with the given fields, all of them when
// there are none. The file is opened with the first step. log hears of a file
// that cannot be written, once until it can.
func New(path string, names []string, log *slog.Logger) *Log {
	l := &Log{path: path, log: log}
	known := columns()
	if len(names) == 0 {
		l.fields = known
	}
	for _, name := range names {
		for _, f := range known {
			if f.name == name {
				l.fields = append(l.fields, f)
			}
		}
	}
	return l
}

// Trace is for one session with a server.
func (l *Log) Trace(s smtp.Server) smtp.Trace {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	l.sessions++
	session := l.sessions
	l.mu.Unlock()
	return func(step smtp.Step) { l.keep(entry{time.Now(), session, s, step}) }
}

// Close closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// keep writes a line. Without one the mail goes all the same.
func (l *Log) keep(e entry) {
	words := make([]string, 0, len(l.fields))
	for _, f := range l.fields {
		words = append(words, word(f.value(e)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.open(e.at)
	if err == nil {
		_, err = l.file.WriteString(strings.Join(words, " ") + "\n")
	}
	switch {
	case err == nil:
		l.told = false
	case !l.told:
		l.told = true
		l.log.Warn("mail log not written", "err", err)
	}
}

// word is a value as one word: blanks are "+", as IIS writes them, and an empty
// one is "-".
func word(text string) string {
	if text == "" {
		return "-"
	}
	return strings.ReplaceAll(text, " ", "+")
}

// open makes sure that the file is open, is the one at the path (logrotate(8)
// moves it away), and is not too large.
func (l *Log) open(now time.Time) error {
	if l.file != nil {
		here, err := l.file.Stat()
		there, pathErr := os.Lstat(l.path)
		if err == nil && pathErr == nil && os.SameFile(here, there) && here.Size() < maxSize {
			return nil
		}
		_ = l.file.Close() // only appended to; what it has is written
		l.file = nil
	}
	f, size, err := openFile(l.path)
	if err != nil {
		return err
	}
	if size >= maxSize {
		_ = f.Close() // nothing was written to it
		if err := durable.Rename(durable.Move{From: l.path, To: l.path + ".1"}); err != nil {
			return fmt.Errorf("rotate mail log: %w", err)
		}
		if f, _, err = openFile(l.path); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(l.fields))
	for _, field := range l.fields {
		names = append(names, field.name)
	}
	l.file = f
	_, err = fmt.Fprintf(f, "#Version: 1.0\n#Software: Tocsin\n#Date: %s\n#Fields: %s\n", now.UTC().Format(time.DateTime), strings.Join(names, " "))
	return err
}

// openFile opens a regular file to append to, and makes it where there is none. It
// follows no link, which whoever may write in the directory could have put there,
// and waits for nobody who reads a FIFO.
func openFile(path string) (*os.File, int64, error) {
	const flags = os.O_CREATE | os.O_APPEND | os.O_WRONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	f, err := os.OpenFile(path, flags, 0o640) //nolint:gosec // the group may read it: it has addresses, no secrets
	if err != nil {
		if info, statErr := os.Lstat(path); statErr == nil && !info.Mode().IsRegular() {
			return nil, 0, foreign(path, info.Mode())
		}
		return nil, 0, fmt.Errorf("open mail log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = foreign(path, info.Mode())
	}
	if err != nil {
		_ = f.Close() // nothing was written to it
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// foreign is the error of what is no file to write to.
func foreign(path string, mode fs.FileMode) error {
	found := "no regular file"
	switch mode.Type() {
	case fs.ModeSymlink:
		found = "a symbolic link"
	case fs.ModeDir:
		found = "a directory"
	case fs.ModeNamedPipe:
		found = "a FIFO"
	case fs.ModeSocket:
		found = "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		found = "a device"
	}
	return fmt.Errorf("open mail log %s: it is %s, and only a regular file is written: move it away, or set mail_log to another path and restart", path, found)
}
