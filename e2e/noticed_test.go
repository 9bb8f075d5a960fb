//go:build e2e && bench

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// kills is how many processes are killed, one after the other.
const kills = 200

// TestNoticed prints how long it takes from kill -9 of a watched process to its
// mail accepted, at an interval of 30 s; it passes no verdict.
func TestNoticed(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	for _, mode := range []string{postbox.None, postbox.Implicit} {
		s := newStation(t)
		box, server := s.boxOf(mode)
		blocks := []string{server, "mail \"ops\" {\n  from = \"alice@example.com\"\n  to = [\"ops@example.com\"]\n}\n"}
		var victims []*child
		for i := range kills {
			name := fmt.Sprintf("p%03d", i)
			victims = append(victims, startChild(t, s.path(name+".pid")))
			blocks = append(blocks, s.watchProcess(name, "30s"))
		}
		s.rules(blocks...)
		a := s.start(ctx)
		// Everybody has been read once.
		poll(ctx, t, "the first readings", func() bool { return time.Since(a.began) > 2*time.Second })
		var took []time.Duration
		for _, v := range victims {
			killed := time.Now()
			v.kill()
			took = append(took, receive(ctx, t, box).at.Sub(killed))
		}
		a.stop(ctx)
		slices.Sort(took)
		fmt.Printf("kill -9 to mail accepted, interval 30 s, %-8s %6.1f ms median, %6.1f ms p99, %6.1f ms longest, of %d\n", mode+":",
			milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100]), milliseconds(took[len(took)-1]), len(took))
	}
}

// boxOf is a mail server and its block: in clear and without a login, or with
// both.
func (s *station) boxOf(mode string) (*postbox.Server, string) {
	s.t.Helper()
	if mode != postbox.None {
		box := startBox(s.t, postbox.Config{Mode: mode})
		return box, s.account("box", box.Port(), mode, box, unlimited)
	}
	box, err := postbox.Start(postbox.Config{Mode: mode})
	must(s.t, err)
	s.t.Cleanup(func() { _ = box.Close() })
	return box, fmt.Sprintf("mailserver \"box\" {\n  host = \"127.0.0.1\"\n  port = %d\n  tls = \"none\"\n  %s\n}\n", box.Port(), unlimited)
}
