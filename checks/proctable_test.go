package checks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// passOf makes a pass over a tree and returns the table.
func passOf(t *testing.T, h *Host, withCommands bool) *Table {
	t.Helper()
	need := whole
	if withCommands {
		need = commands
	}
	if err := h.processes().snapshot(t.Context(), -1, need, func(*Table) {}); err != nil {
		t.Fatal(err)
	}
	return h.processes()
}

func TestTable(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	table := passOf(t, h, true)
	got := map[int32]string{}
	for _, p := range table.list {
		got[p.pid] = string(p.command)
	}
	want := map[int32]string{
		1: "/sbin/init splash", 2: "[kthreadd]", 50: "[kworker/0:1-events]",
		100: "nginx: master process /usr/sbin/nginx -g daemon on;", 101: "nginx: worker process", 102: "nginx: worker process",
		103: "", 110: "/bin/sh -c sleep 5", 200: "/opt/odd name --flag x y", 301: "[leaving]", 400: "", 401: "[leader]",
		600: "[cleared]", 700: "java -Dx=" + strings.Repeat("x", 6000), 701: "java -jar b.jar",
	}
	if len(got) != len(want) {
		t.Errorf("got %d processes, want %d", len(got), len(want))
	}
	for pid, command := range want {
		if got[pid] != command {
			t.Errorf("%d: got %.60q, want %.60q", pid, got[pid], command)
		}
	}
}

func TestTableIsShared(t *testing.T) {
	h, now := fixtureHost(t, copyFixtures(t))
	passes := func(age time.Duration, need depth) uint64 {
		t.Helper()
		if err := h.processes().snapshot(t.Context(), age, need, func(*Table) {}); err != nil {
			t.Fatal(err)
		}
		return h.processes().generation
	}
	steps := []struct {
		name  string
		after time.Duration
		age   time.Duration
		need  depth
		want  uint64
	}{
		{"first", 0, snapshotAge, whole, 1},
		{"young", 100 * time.Millisecond, snapshotAge, whole, 1},
		{"young, but without command lines", 0, snapshotAge, commands, 2},
		{"young, with more than needed", 0, snapshotAge, whole, 2},
		{"a pass of this instant", 0, 0, commands, 2},
		{"too old for one", time.Millisecond, 0, commands, 3},
		{"too old for all", time.Second, snapshotAge, commands, 4},
		{"newcomers of this instant", 0, 0, newcomers, 4},
		{"newcomers", time.Second, snapshotAge, newcomers, 5},
		{"the others are too old then", 0, snapshotAge, commands, 6},
	}
	for _, step := range steps {
		now.Add(int64(step.after))
		if got := passes(step.age, step.need); got != step.want {
			t.Errorf("%s: got %d passes, want %d", step.name, got, step.want)
		}
	}
}

// TestTableWaitsNoLongerThanItsContext has somebody else read the table.
func TestTableWaitsNoLongerThanItsContext(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	table := h.processes()
	table.token <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := table.snapshot(ctx, 0, whole, func(*Table) { t.Error("got the table, want an error") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestTableStopsWithItsContext ends a pass in the midst; what was read must
// not be taken for the whole.
func TestTableStopsWithItsContext(t *testing.T) {
	h, now := fixtureHost(t, fixtures(t))
	passOf(t, h, false)
	now.Add(int64(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.processes().pass(ctx, false); !errors.Is(err, context.Canceled) || h.processes().complete {
		t.Errorf("got %v, want %v and a table that is not complete", err, context.Canceled)
	}
	if got := len(passOf(t, h, false).list); got != 15 {
		t.Errorf("got %d processes, want 15", got)
	}
}

func TestTableForgets(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	held := passOf(t, h, true).held
	long := len(h.processes().byPID[700].command)
	if err := os.RemoveAll(filepath.Join(proc, "700")); err != nil {
		t.Fatal(err)
	}
	now.Add(int64(time.Second))
	table := passOf(t, h, true)
	if table.byPID[700] != nil || table.held != held-long {
		t.Errorf("got %v and %d bytes, want no process and %d", table.byPID[700], table.held, held-long)
	}
	write(t, statLine{pid: 701, comm: "java", start: 9999}.String(), proc, "701/stat")
	write(t, "ruby\x00", proc, "701/cmdline")
	now.Add(int64(time.Second))
	if p := passOf(t, h, true).byPID[701]; string(p.command) != "ruby" {
		t.Errorf("got %q, want the new process of that number", p.command)
	}
	sum := 0
	for _, p := range table.list {
		sum += len(p.command)
	}
	if table.held != sum {
		t.Errorf("got %d bytes, want %d", table.held, sum)
	}
}

// TestCommandAge changes a command line as exec(3) does.
func TestCommandAge(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	command := func(after time.Duration) string {
		now.Add(int64(after))
		return string(passOf(t, h, true).byPID[101].command)
	}
	command(0)
	write(t, "nginx: worker process is shutting down\x00", proc, "101/cmdline")
	if got := command(time.Millisecond); got != "nginx: worker process" {
		t.Errorf("got %q at once, want the one that is known", got)
	}
	if got := command(maxLook); got != "nginx: worker process is shutting down" {
		t.Errorf("got %q after %s, want the new one", got, maxLook)
	}
	write(t, "sh\x00-c\x00true\x00", proc, "101/cmdline")
	write(t, statLine{pid: 101, parent: 100, comm: "sh", start: 5001}.String(), proc, "101/stat")
	passOf(t, h, false) // a pass without command lines sees the name first
	if got := command(time.Millisecond); got != "sh -c true" {
		t.Errorf("got %q under a new name, want the new one", got)
	}
	write(t, "", proc, "101/cmdline")
	if got := command(maxLook); got != "[sh]" {
		t.Errorf("got %q without arguments, want the name", got)
	}
	write(t, "true\x00", proc, "101/cmdline")
	if got := command(0); got != "true" {
		t.Errorf("got %q, want arguments to be looked for in every pass", got)
	}
}

func TestCommandsAreBounded(t *testing.T) {
	proc := copyFixtures(t)
	write(t, strings.Repeat("y", 2*maxCommand), proc, "700/cmdline")
	h, _ := fixtureHost(t, proc)
	if got := len(passOf(t, h, true).byPID[700].command); got != maxCommand {
		t.Errorf("got %d bytes, want %d", got, maxCommand)
	}
	full, _ := fixtureHost(t, proc)
	full.processes().held = maxCommands
	if got := len(passOf(t, full, true).byPID[700].command); got != shortCommand {
		t.Errorf("got %d bytes of a full table, want %d", got, shortCommand)
	}
}

// TestMatcherTriesOnce counts what the pattern is tried on, by what it finds
// after the table has been changed under it.
func TestMatcherTriesOnce(t *testing.T) {
	h, now := fixtureHost(t, copyFixtures(t))
	table := passOf(t, h, true)
	m := matcher{text: "^unique$"}
	if p := m.find(table); p != nil {
		t.Fatalf("got %d, want nothing", p.pid)
	}
	p := table.byPID[102]
	p.command = []byte("unique") // without a new generation: must not be tried
	if p := m.find(table); p != nil {
		t.Errorf("got %d, want no command line to be tried twice", p.pid)
	}
	p.changed = table.generation + 1
	now.Add(int64(time.Millisecond))
	table.generation++
	table.latest, table.fresh = table.generation, append(table.fresh, p)
	if got := m.find(table); got != p {
		t.Errorf("got %v, want %d", got, p.pid)
	}
	older := table.byPID[100]
	older.command, older.changed = []byte("unique"), table.generation
	if got := m.find(table); got != p {
		t.Errorf("got %v, want it to stay with %d", got, p.pid)
	}
	p.state = 'Z'
	if got := m.find(table); got != older {
		t.Errorf("got %v, want %d once the other has ended", got, older.pid)
	}
	table.self = older.pid
	m = matcher{text: m.text}
	if got := m.find(table); got != nil {
		t.Errorf("got %d, want this process never to match", got.pid)
	}
}

// TestTableOfACircle has parents that go round: the passes are not of one
// instant.
func TestTableOfACircle(t *testing.T) {
	proc := t.TempDir()
	for pid, parent := range map[int]int{10: 12, 11: 10, 12: 11, 13: 13} {
		write(t, statLine{pid: pid, parent: parent, comm: "x"}.String(), proc, strconv.Itoa(pid), "stat")
	}
	h, _ := fixtureHost(t, proc)
	table := passOf(t, h, true)
	if got := table.tree(table.byPID[10]); got.children != 2 || len(got.members) != 3 {
		t.Errorf("got %+v, want 2 children", got)
	}
	if got := table.tree(table.byPID[13]); got.children != 0 {
		t.Errorf("got %+v, want no child", got)
	}
	m := matcher{text: `x`}
	if p := m.find(table); p == nil || p.pid != 13 {
		t.Errorf("got %v, want 13, which is under nobody", p)
	}
}

func TestNumbers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "4194304", "x1", "1x", "-1", "99999999999999", "self"} {
		write(t, "", dir, name)
	}
	d, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	got := map[int32]bool{}
	if err := d.numbers(make([]byte, 4096), func(n int32) error { got[n] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !got[1] || !got[4194304] {
		t.Errorf("got %v, want 1 and 4194304", got)
	}
}

func FuzzEachNumber(f *testing.F) {
	record := append(make([]byte, 16), 24, 0, 4, '4', '2', 0, 0, 0)
	f.Add(record)
	f.Add(append(record, record[:20]...))
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = eachNumber(data, func(n int32) error {
			if n < 0 {
				t.Errorf("got %d", n)
			}
			return nil
		})
	})
}
