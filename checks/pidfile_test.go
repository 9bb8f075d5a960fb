package checks

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParsePID(t *testing.T) {
	tests := []struct {
		in   string
		pid  int32
		text string
	}{
		{"1\n", 1, ""},
		{"4194304", 4194304, ""},
		{" \t\n 77 \n", 77, ""},
		{"812\n/var/lib/postgresql\n1700000000\n5432\n", 812, ""},
		{"00812", 812, ""},
		{"9\x00\x00", 9, ""},
		{"", 0, "no process number in it: the file is empty"},
		{" \n\x00", 0, "no process number in it: the file is empty"},
		{"0", 0, `no process number in it: it begins with "0"`},
		{"-5", 0, `no process number in it: it begins with "-5"`},
		{"4194305", 0, `no process number in it: it begins with "4194305"`},
		{"12x", 0, `no process number in it: it begins with "12x"`},
		{"\x1b[31mred", 0, `no process number in it: it begins with "\x1b[31mred"`},
		{strings.Repeat("9", 200), 0, `no process number in it: it begins with "` + strings.Repeat("9", 32) + `"...`},
	}
	for _, test := range tests {
		pid, err := parsePID([]byte(test.in))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if pid != test.pid || text != test.text {
			t.Errorf("%q: got %d, %q, want %d, %q", test.in, pid, text, test.pid, test.text)
		}
	}
}

func TestReadPidfile(t *testing.T) {
	dir := t.TempDir()
	if pid, err := readPidfile(write(t, "4711\n", dir, "good")); pid != 4711 || err != nil {
		t.Errorf("got %d, %v, want 4711", pid, err)
	}
	big := write(t, "4712\n", dir, "big")
	if err := os.Truncate(big, 1<<40); err != nil {
		t.Fatal(err)
	}
	if pid, err := readPidfile(big); pid != 4712 || err != nil {
		t.Errorf("got %d, %v of a huge file, want 4712", pid, err)
	}
	for _, path := range []string{filepath.Join(dir, "gone"), filepath.Join(dir, "good", "below")} {
		if pid, err := readPidfile(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %d, %v, want %v", path, pid, err, fs.ErrNotExist)
		}
	}
}

// TestReadPidfileNeverHangs gives it what is no file.
func TestReadPidfileNeverHangs(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, path := range []string{fifo, socket, dir, "/dev/zero"} {
		if pid, err := readPidfile(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %d, %v, want that it is not a regular file", path, pid, err)
		}
	}
}

func FuzzParsePID(f *testing.F) {
	f.Add([]byte("123\n"))
	f.Add([]byte("812\n/var/lib\n"))
	f.Add([]byte("\x00\x00 -1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pid, err := parsePID(data)
		if (err == nil) != (pid >= 1 && pid <= maxPID) {
			t.Errorf("got %d, %v", pid, err)
		}
		if err != nil && (len(err.Error()) > 250 || bytes.ContainsAny([]byte(err.Error()), "\n\x1b")) {
			t.Errorf("got %q, want it short and safe", err)
		}
	})
}
