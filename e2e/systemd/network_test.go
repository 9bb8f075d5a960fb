//go:build e2esystemd

package systemd

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// network is a cable from the host into a network namespace, and a name
// server at the host's end. There is no way on from the host.
type network struct {
	t         *testing.T
	space     string // the namespace
	cable     string // the host's end
	host, box string // addresses of the two ends
}

// plug is the interface in the machine.
const plug = "host0"

// mailName is the name of the mail server; the name server knows no other.
const mailName = "mail.bench.test"

func newNetwork(ctx context.Context, t *testing.T, dir string) *network {
	t.Helper()
	n := &network{t: t}
	for i := 1; ; i++ { // the kernel says which number is free
		n.space, n.cable = fmt.Sprintf("%s%d", prefix, i), fmt.Sprintf("%s%dh", prefix, i)
		n.host, n.box = fmt.Sprintf("10.99.%d.1", i), fmt.Sprintf("10.99.%d.2", i)
		out, err := exec.CommandContext(ctx, "ip", "netns", "add", n.space).CombinedOutput()
		if err == nil {
			break
		}
		if i > 50 || !strings.Contains(string(out), "File exists") {
			t.Fatalf("ip netns add %s: %v: %s", n.space, err, out)
		}
	}
	t.Cleanup(func() {
		// Not with the test's context, which has ended.
		if out, err := exec.CommandContext(context.Background(), "ip", "netns", "del", n.space).CombinedOutput(); err != nil {
			t.Errorf("ip netns del %s: %v: %s", n.space, err, out)
		}
	})
	run(ctx, t, "ip", "link", "add", n.cable, "type", "veth", "peer", "name", plug, "netns", n.space)
	run(ctx, t, "ip", "addr", "add", n.host+"/24", "dev", n.cable)
	run(ctx, t, "ip", "link", "set", n.cable, "up")
	n.serveNames(dir)
	return n
}

// serveNames starts dnsmasq for the one name that the machine asks for.
func (n *network) serveNames(dir string) {
	n.t.Helper()
	log := filepath.Join(dir, "dnsmasq.log")
	cmd := exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
		"--bind-interfaces", "--except-interface=lo", "--listen-address="+n.host, "--local=/#/", "--host-record="+mailName+","+n.host,
		"--log-queries", "--log-facility="+log, "--pid-file")
	must(n.t, cmd.Start())
	must(n.t, record(filepath.Join(dir, "dnsmasq.pid"), cmd.Process.Pid))
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// replug makes the cable look freshly plugged in. A namespace outlives the
// machine, which has left its addresses when it was cut off.
func (n *network) replug(ctx context.Context) {
	n.t.Helper()
	run(ctx, n.t, "ip", "-n", n.space, "addr", "flush", "dev", plug)
	run(ctx, n.t, "ip", "-n", n.space, "link", "set", plug, "down")
	run(ctx, n.t, "ip", "-n", n.space, "link", "set", "lo", "down")
}
