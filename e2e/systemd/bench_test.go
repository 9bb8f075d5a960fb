//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// bench is one machine with all that is around it.
type bench struct {
	t    *testing.T
	dir  string
	post *postfix
	gate *gate
	box  *inbox
	// tripped says that the worker of the rule file is down.
	tripped bool
	*machine
}

// newBench sets a machine up that is off, with the root that makeRoot puts
// into a directory, and the agent in it.
func newBench(ctx context.Context, t *testing.T, makeRoot func(ctx context.Context, t *testing.T, dir string) string) *bench {
	t.Helper()
	b := newEmptyBench(ctx, t, makeRoot)
	install(ctx, t, b.root, b.post.ca)
	return b
}

// newEmptyBench is newBench without the agent.
func newEmptyBench(ctx context.Context, t *testing.T, makeRoot func(ctx context.Context, t *testing.T, dir string) string) *bench {
	t.Helper()
	need(t)
	// Postfix has users of its own, and the directory is known to the next run.
	dir := filepath.Join(workDir(), strings.ReplaceAll(t.Name(), "/", "-"))
	must(t, os.MkdirAll(workDir(), 0o755))
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		if len(mountsIn(dir)) == 0 { // else the sweep says so
			_ = os.RemoveAll(dir)
		}
		_ = os.Remove(workDir()) // when it is empty
	})
	net := newNetwork(ctx, t, dir)
	b := &bench{t: t, dir: dir, post: startPostfix(ctx, t, filepath.Join(dir, "postfix"))}
	b.gate = newGate(ctx, t, net.host, b.post.address())
	b.box = newInbox(t, b.post)
	root := makeRoot(ctx, t, dir)
	furnish(t, root, net)
	b.machine = newMachine(t, dir, root, net)
	t.Cleanup(func() {
		if t.Failed() {
			b.explain()
		}
	})
	return b
}

// state is the agent's state directory, as the host sees it.
func (b *bench) state() string { return filepath.Join(b.root, "var", "lib", "tocsin") }

// idle says whether the agent has nothing to send.
func (b *bench) idle() bool {
	for _, dir := range []string{"queue", "mail", "pickup"} {
		names, _ := filepath.Glob(filepath.Join(b.state(), "spool", dir, "*"))
		if len(names) > 0 {
			return false
		}
	}
	return true
}

// expect waits for mails and fails the test for any other.
func (b *bench) expect(ctx context.Context, step string, wants ...want) []letter {
	b.t.Helper()
	got := b.box.expect(ctx, step, b.idle, wants...)
	for _, l := range got {
		if l.file != "" {
			b.t.Logf("%s: mail %s", step, l)
		}
	}
	return got
}

// active waits until the agent runs and has told the manager so.
func (b *bench) active(ctx context.Context) {
	b.t.Helper()
	poll(ctx, b.t, "the agent to be active", func() bool {
		out, _ := b.in(ctx, "systemctl", "is-active", "tocsin")
		return strings.TrimSpace(out) == "active"
	})
}

// firstBoot boots the machine for the first time.
func (b *bench) firstBoot(ctx context.Context) {
	b.t.Helper()
	b.boot(ctx)
	b.active(ctx)
	b.expect(ctx, "first boot", firstBoot())
}

// flip makes the rule of the rule file fail, or succeed again, and returns the
// mail that has to come of it.
func (b *bench) flip() want {
	b.t.Helper()
	b.tripped = !b.tripped
	if !b.tripped {
		must(b.t, os.WriteFile(filepath.Join(b.root, pidfile), []byte("1\n"), 0o644))
		return workerUp()
	}
	must(b.t, os.Remove(filepath.Join(b.root, pidfile)))
	return workerDown()
}

// spooled waits until an event is in the spool, which has to be empty before.
func (b *bench) spooled(ctx context.Context) {
	b.t.Helper()
	poll(ctx, b.t, "the event in the spool", func() bool {
		items, _ := filepath.Glob(filepath.Join(b.state(), "spool", "queue", "*.item"))
		return len(items) > 0
	})
}

// raised finds the ids of the events that the agent's log names, as a field
// of the journal or in the text.
var raised = regexp.MustCompile(`(?:"TOCSIN_EVENT":"|\bevent=)([0-9a-f]{32})\b`)

// finish looks at all that was told since the first boot, while the machine
// is up: every event once, nothing left, and the password in no file.
func (b *bench) finish(ctx context.Context) {
	b.t.Helper()
	b.expect(ctx, "at the end")
	log := b.ok(ctx, "journalctl", "--no-pager", "--output=json", "--identifier=tocsin")
	var ids []string
	for _, m := range raised.FindAllStringSubmatch(log, -1) {
		if !slices.Contains(ids, m[1]) {
			ids = append(ids, m[1])
		}
	}
	b.box.once(ids)
	for _, sub := range []string{"badmail", "corrupt"} {
		if names, _ := filepath.Glob(filepath.Join(b.state(), "spool", sub, "*")); len(names) > 0 {
			b.t.Errorf("in the spool: %q", names)
		}
	}
	if strings.Contains(log+readTree(b.state()), password) {
		b.t.Error("the password is in the log or in the state directory")
	}
}

// readTree is the text of every file under dir.
func readTree(dir string) string {
	var all strings.Builder
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := os.ReadFile(path) // some vanish while the agent runs
			all.Write(data)
		}
		return nil
	})
	return all.String()
}

// explain logs what is known of a machine whose test has failed. It works on
// one that is off.
func (b *bench) explain() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b.t.Logf("console of boot %d:\n%s", b.boots, tail(b.console(), 20))
	show := func(title string, lines int, command string) {
		out, err := b.host(ctx, "sh", "-c", command)
		b.t.Logf("%s (%v):\n%s", title, err, tail(out, lines))
	}
	show("journal about tocsin", 80, "journalctl --no-pager --directory=/var/log/journal --output=short-precise | grep -E 'tocsin|^-- Boot'")
	show("state directory", 60, "find /var/lib/tocsin* -printf '%T+ %s %p\n'")
	for _, l := range b.box.fresh() {
		b.t.Logf("mail not asked for: %s", l)
	}
	mails, _ := os.ReadFile(filepath.Join(b.post.dir, "maillog"))
	b.t.Logf("maillog:\n%s", tail(string(mails), 20))
}
