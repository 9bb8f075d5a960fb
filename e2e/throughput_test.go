//go:build e2e && bench

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tocsin/internal/durable"
	"tocsin/internal/postbox"
	"tocsin/notify/spool"
)

// How many messages each of them sends. The disk and the agent take turns: what
// a disk takes changes from second to second, by a factor of three on a machine
// that is shared. msmtp is slow, and even.
const (
	turns         = 10
	eachTurn      = 100
	theirMessages = 60
)

// TestThroughput prints how many messages a second go through the spool and a
// TLS session with a login, beside msmtp, which has no spool, and beside what
// the disk takes; it passes no verdict.
func TestThroughput(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"))
	raw := fmt.Appendf(nil, "From: %s\r\nTo: ops@example.com\r\nSubject: throughput\r\n\r\n%s", username, bytes.Repeat([]byte("A line of a mail, as long as most of them are.\r\n"), 40))
	theirs := s.msmtp(t, box, raw)

	must(t, os.Mkdir(s.state, 0o700))
	dir := filepath.Join(s.state, "spool")
	must(t, spool.Prepare(dir))
	must(t, os.Mkdir(s.path("disk"), 0o700))
	a := s.start(ctx)
	arrive(ctx, t, box, theirMessages)
	var disk, submitting, ours time.Duration
	for turn := range turns {
		disk += s.durableWrites(t, turn, raw)
		began := time.Now()
		for range eachTurn {
			must(t, spool.Submit(dir, spool.Item{
				ID: spool.NewID(), Queued: time.Now(), From: username, Raw: raw,
				Targets: []spool.Target{{Addresses: []string{"ops@example.com"}}},
			}))
		}
		submitting += time.Since(began)
		arrive(ctx, t, box, eachTurn)
		ours += time.Since(began)
	}
	a.stop(ctx)
	rate := func(d time.Duration) float64 { return perSecond(turns*eachTurn, d) }
	fmt.Printf("%-55s %8.0f /s\n", "durable writes of such a message, one after the other", rate(disk))
	fmt.Printf("%-55s %8.0f /s %8.1f times msmtp, %.0f %% of the disk\n", "submitted, delivered over TLS with a login, recorded", rate(ours), rate(ours)/theirs, 100*rate(ours)/rate(disk))
	fmt.Printf("%-55s %8.0f /s\n", "of that, submitted durably", rate(submitting))
	fmt.Printf("%-55s %8.0f /s\n", "msmtp, over TLS with a login, no spool", theirs)
}

// arrive waits for so many more mails, and hears of each at once.
func arrive(ctx context.Context, t *testing.T, box *postbox.Server, n int) {
	t.Helper()
	for range n {
		select {
		case <-box.Received():
		case <-ctx.Done():
			t.Fatal("not all messages arrived")
		}
	}
}

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// durableWrites is how long the disk takes for the files of a turn, each
// written, flushed, renamed and its directory flushed.
func (s *station) durableWrites(t *testing.T, turn int, data []byte) time.Duration {
	t.Helper()
	began := time.Now()
	for i := range eachTurn {
		must(t, durable.WriteFile(filepath.Join(s.path("disk"), fmt.Sprint(turn, "-", i)), data))
	}
	return time.Since(began)
}

// msmtp is how many messages a second msmtp sends, called for each.
func (s *station) msmtp(t *testing.T, box *postbox.Server, raw []byte) float64 {
	t.Helper()
	must(t, os.WriteFile(s.path("ca.pem"), box.CertificatePEM(), 0o600))
	config := fmt.Sprintf("account default\nhost localhost\nport %d\ntls on\ntls_starttls off\ntls_trust_file %s\nauth plain\nuser %s\npassword %s\nfrom %s\n",
		box.Port(), s.path("ca.pem"), username, password, username)
	must(t, os.WriteFile(s.path("msmtprc"), []byte(config), 0o600))
	began := time.Now()
	for range theirMessages {
		cmd := exec.CommandContext(t.Context(), "msmtp", "-C", s.path("msmtprc"), "ops@example.com")
		cmd.Stdin = bytes.NewReader(raw)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("msmtp: %v: %s", err, out)
		}
	}
	return perSecond(theirMessages, time.Since(began))
}
