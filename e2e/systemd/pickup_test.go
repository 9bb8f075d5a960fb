//go:build e2esystemd

package systemd

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPickup: the package makes the drop directory, and the agent in its
// sandbox takes the mail of every user out of it, also what came while it was
// stopped.
func TestPickup(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	if got := strings.TrimSpace(b.ok(ctx, "stat", "--format=%A %U", "/var/spool/tocsin/pickup")); got != "drwx-wx-wt tocsin" {
		t.Errorf("got the drop directory %q", got)
	}
	as := func(user, script string) {
		t.Helper()
		b.ok(ctx, "setpriv", "--reuid="+user, "--regid=nogroup", "--clear-groups", "sh", "-c", script)
	}
	theirs := want{subject: "theirs", words: []string{"what they print"}, late: anytime}
	as("nobody", `printf 'Subject: theirs\n\nwhat they print\n' | tocsin sendmail root`)
	b.expect(ctx, "a mail of nobody", theirs)
	b.ok(ctx, "systemctl", "stop", "tocsin")
	as("nobody", `printf 'Subject: theirs\n\nwhat they print\n' | tocsin sendmail root`)
	as("nobody", `ln -s /etc/tocsin/smtp.secret /var/spool/tocsin/pickup/link`)
	b.ok(ctx, "sh", "-c", `printf 'To: root\nSubject: by hand\n\n' > /var/spool/tocsin/pickup/report`)
	b.ok(ctx, "systemctl", "start", "tocsin")
	b.active(ctx)
	b.expect(ctx, "what came meanwhile", theirs, want{subject: "by hand", late: anytime},
		want{state: "changed", subject: "[bench] pickup: hostile file", words: []string{"a symbolic link"}, late: anytime},
		want{state: "instance", words: []string{"stopped"}, late: anytime}, want{state: "instance", words: []string{"started again"}, late: anytime})
	poll(ctx, t, "the drop directory to be empty", func() bool {
		left, _ := filepath.Glob(filepath.Join(b.root, "var/spool/tocsin/pickup/*"))
		return len(left) == 0
	})
	if kept, _ := filepath.Glob(filepath.Join(b.root, "var/spool/tocsin/quarantine/*")); len(kept) != 1 {
		t.Errorf("got %q in the quarantine, want the reason alone, not the link", kept)
	}
}
