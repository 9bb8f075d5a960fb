//go:build e2esystemd

package systemd

import (
	"fmt"
	"testing"
	"time"
)

// TestAskedWays takes a machine down in every way that logind hears of.
func TestAskedWays(t *testing.T) {
	t.Parallel()
	takeAll(t, askedWays())
}

// TestUntoldWays takes a machine down in every way that it does not hear of.
func TestUntoldWays(t *testing.T) {
	t.Parallel()
	takeAll(t, untoldWays())
}

// slowGreeting is how long a slow mail server takes to say who it is.
const slowGreeting = 1500 * time.Millisecond

// takeAll takes one machine through all the ways, one after the other: the
// boot after one is the boot before the next.
func takeAll(t *testing.T, ways []way) {
	ctx := deadline(t, time.Duration(rounds())*8*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	for round := range rounds() {
		for i, w := range ways {
			if !w.full || full() {
				b.take(ctx, fmt.Sprintf("round %d, way %d, %s", round+1, i+1, w.name), w)
			}
		}
		b.gate.slow(slowGreeting)
		for i, w := range ways {
			if w.slow || full() {
				b.take(ctx, fmt.Sprintf("round %d, way %d, %s, slow mail server", round+1, i+1, w.name), w)
			}
		}
		b.gate.slow(0)
	}
	b.finish(ctx)
}

// TestLateMail: what could not be sent before the machine was down is sent
// after the boot, and says so.
func TestLateMail(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	b.post.stop()
	before := b.flip()
	b.spooled(ctx)
	began := time.Now()
	typed("systemctl reboot")(ctx, b)
	b.waitEnd(ctx)
	t.Logf("a shutdown whose mail cannot be sent took %s", round(time.Since(began)))
	b.boot(ctx)
	b.active(ctx)
	after := b.flip()
	b.post.start(ctx)
	b.expect(ctx, "Postfix started", wentDown("reboot", late), cameUp("reboot"), before, after)
	b.finish(ctx)
}
