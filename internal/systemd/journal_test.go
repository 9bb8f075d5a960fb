package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/testprogram"
)

// journalctl is a program that does what script says.
func journalctl(t *testing.T, script string) Journal {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journalctl")
	if err := testprogram.Write(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Journal{Program: path}
}

func entry(n int, message string) string {
	return fmt.Sprintf(`{"__REALTIME_TIMESTAMP":"%d","__CURSOR":"s=1","MESSAGE":%s,"PRIORITY":"6","_PID":"1","UNIT":"a.service","_SYSTEMD_UNIT":"init.scope"}`, 1700000000000000+n, message)
}

func TestTheJournalIsReadOldestFirst(t *testing.T) {
	j := journalctl(t, "printf '%s\\n' \"$*\" >\"$0.args\"\ncat <<'END'\n"+entry(2, `"two"`)+"\n"+entry(1, `"one"`)+"\nnonsense\nEND\n")
	lines, err := j.Unit(t.Context(), "a.service", strings.Repeat("0", 32), 5)
	if err != nil || len(lines) != 2 || lines[0].Message != "one" || lines[1].Message != "two" {
		t.Fatalf("got %+v, %v", lines, err)
	}
	args, err := os.ReadFile(j.Program + ".args")
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("0", 32)
	want := "-o json --no-pager -q -r -n 20 --output-fields=" + strings.Join(journalFields(), ",") +
		" -- _SYSTEMD_UNIT=a.service + _PID=1 UNIT=a.service INVOCATION_ID=" + id + "\n"
	if string(args) != want {
		t.Errorf("got  %q\nwant %q", args, want)
	}
}

func TestTheLinesOfAnotherRunAreLeftOut(t *testing.T) {
	run := func(n int, invocation string) string {
		return strings.Replace(entry(n, fmt.Sprintf(`"line %d"`, n)), `"_PID":"1"`, `"_SYSTEMD_INVOCATION_ID":"`+invocation+`"`, 1)
	}
	mine, other := strings.Repeat("a", 32), strings.Repeat("b", 32)
	j := journalctl(t, "cat <<'END'\n"+run(5, mine)+"\n"+run(4, "")+"\n"+run(3, other)+"\n"+run(2, mine)+"\n"+run(1, mine)+"\nEND\n")
	lines, err := j.Unit(t.Context(), "a.service", mine, 3)
	var got []string
	for _, l := range lines {
		got = append(got, l.Message)
	}
	if err != nil || strings.Join(got, ",") != "line 2,line 4,line 5" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheJournalIsBounded(t *testing.T) {
	long := entry(1, `"`+strings.Repeat("x", 4000)+`"`)
	j := journalctl(t, "while :; do echo '"+long+"'; done\n")
	lines, err := j.Lines(t.Context(), 5000, "_BOOT_ID=1")
	if n := maxJournalOutput / (len(long) + 1); err != nil || len(lines) != n || len(lines[0].Message) > maxField {
		t.Errorf("got %d lines, want %d: %v", len(lines), n, err)
	}
	if lines, err = j.Lines(t.Context(), 3, "_BOOT_ID=1"); err != nil || len(lines) != 3 {
		t.Errorf("got %d lines: %v", len(lines), err)
	}
}

func TestAJournalThatHangsIsKilledWithItsChildren(t *testing.T) {
	dir := t.TempDir()
	j := journalctl(t, "mkfifo "+dir+"/f\nsleep 1000 & echo $! >"+dir+"/new; mv "+dir+"/new "+dir+"/pid\nread x <"+dir+"/f\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := j.Lines(ctx, 1)
		done <- err
	}()
	var pid []byte
	for deadline := time.Now().Add(patience); len(pid) == 0 && time.Now().Before(deadline); {
		pid, _ = os.ReadFile(dir + "/pid")
	}
	cancel()
	if err := next(t, done, "end"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(patience); ; {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child lives on: %s", stat)
		}
	}
}

func TestWhatTheJournalSaysOfAnError(t *testing.T) {
	j := journalctl(t, "echo 'Failed to open\x1b files' >&2; exit 1\n")
	_, err := j.Lines(t.Context(), 1)
	if err == nil || err.Error() != "read journal: exit status 1: Failed to open\ufffd files" {
		t.Errorf("got %v", err)
	}
	if _, err := (Journal{Program: "/nonexistent"}).Lines(t.Context(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if lines, err := journalctl(t, "exit 0\n").Lines(t.Context(), 1); err != nil || len(lines) != 0 {
		t.Errorf("got %v, %v", lines, err)
	}
}

func TestAMatchIsNoOption(t *testing.T) {
	j := Journal{Program: "/nonexistent"}
	for _, m := range []string{"--root=/x", "-f", "=x", "", "a=b", "UNIT", "UNIT\x00=x", strings.Repeat("A", 2000) + "=x"} {
		if _, err := j.Lines(t.Context(), 1, m); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%.20q: got %v", m, err)
		}
	}
	if _, err := j.Lines(t.Context(), 1, make([]string, 33)...); err == nil {
		t.Error("33 matches taken")
	}
	for _, unit := range []string{"", "--x", "a.service\nb", "../a.service"} {
		if _, err := j.Unit(t.Context(), unit, "", 1); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: got %v", unit, err)
		}
	}
}

func TestJournalEntries(t *testing.T) {
	at := time.UnixMicro(1700000000000001).UTC()
	for _, c := range []struct {
		name, in string
		want     JournalLine
	}{
		{"of the manager", entry(1, `"Failed.\u001b"`), JournalLine{At: at, Unit: "a.service", Message: "Failed.\ufffd", Priority: 6}},
		{"bytes", entry(1, `[104,105,27,255]`), JournalLine{At: at, Unit: "a.service", Message: "hi\ufffd\ufffd", Priority: 6}},
		{"several", entry(1, `[null,"one","two"]`), JournalLine{At: at, Unit: "a.service", Message: "one", Priority: 6}},
		{"bytes of several", entry(1, `[[104,105],"two"]`), JournalLine{At: at, Unit: "a.service", Message: "hi", Priority: 6}},
		{"too large", entry(1, `null`), JournalLine{At: at, Unit: "a.service", Message: tooLarge, Priority: 6}},
		{"no bytes", entry(1, `[1000]`), JournalLine{At: at, Unit: "a.service", Priority: 6}},
		{"an object", entry(1, `{"a":1}`), JournalLine{At: at, Unit: "a.service", Priority: 6}},
		{
			"a liar", `{"__REALTIME_TIMESTAMP":"1700000000000001","_PID":"666","UNIT":"sshd.service","_SYSTEMD_UNIT":"liar.service","_COMM":"liar","PRIORITY":"99"}`,
			JournalLine{At: at, Unit: "liar.service", Identifier: "liar", Priority: -1},
		},
		{
			"an exit", `{"__REALTIME_TIMESTAMP":"1700000000000001","_PID":"1","UNIT":"a.service","MESSAGE_ID":"98e322203f7a4ed290d09fe03c09fe15","EXIT_CODE":"killed","EXIT_STATUS":"SEGV","UNIT_RESULT":"signal","_TRANSPORT":"journal","SYSLOG_IDENTIFIER":"systemd"}`,
			JournalLine{At: at, Unit: "a.service", Identifier: "systemd", MessageID: "98e322203f7a4ed290d09fe03c09fe15", ExitCode: "killed", ExitStatus: "SEGV", UnitResult: "signal", Transport: "journal", Priority: -1},
		},
	} {
		got, ok := parseJournalLine([]byte(c.in))
		if diff := cmp.Diff(c.want, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", c.name, ok, diff)
		}
	}
	for _, in := range []string{"", "null", "[]", `{"MESSAGE":"x"}`, `{"__REALTIME_TIMESTAMP":"-1"}`, `{"__REALTIME_TIMESTAMP":"9999999999999999999"}`} {
		if got, ok := parseJournalLine([]byte(in)); ok {
			t.Errorf("%q: got %+v", in, got)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(entry(1, `"x"`) + "\n" + entry(2, `[1,2,255]`)))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":["1"],"MESSAGE":[["a"],[1]]}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		lines := parseJournal(out, 4)
		if len(lines) > 4 {
			t.Errorf("%d lines", len(lines))
		}
		for _, l := range lines {
			for _, s := range []string{l.Unit, l.Identifier, l.Message, l.MessageID, l.ExitCode, l.ExitStatus, l.UnitResult, l.Transport} {
				checkSafe(t, s, maxField)
			}
			if l.At.Year() > 9999 || l.At.Year() < 1970 {
				t.Errorf("at %v", l.At)
			}
		}
	})
}
