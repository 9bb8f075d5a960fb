//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// chroot is a private copy of the root that ./setup-mta built. A server in it
// has every path to itself, and neither a resolver nor the host's files.
type chroot struct {
	t   *testing.T
	dir string
}

func newChroot(ctx context.Context, t *testing.T) *chroot {
	t.Helper()
	needRoot(t)
	cache := os.Getenv("TOCSIN_MTA")
	if cache == "" {
		cache = "/var/cache/tocsin-e2e/mta"
	}
	if _, err := os.Stat(filepath.Join(cache, "root")); err != nil {
		skip(t, "no Exim and OpenSMTPD: "+err.Error())
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(cache, "root")+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return &chroot{t, dir}
}

func (c *chroot) path(name string) string { return filepath.Join(c.dir, name) }

// write writes a file that only root reads.
func (c *chroot) write(name, text string) {
	c.t.Helper()
	must(c.t, os.MkdirAll(filepath.Dir(c.path(name)), 0o755))
	must(c.t, os.WriteFile(c.path(name), []byte(text), 0o600))
}

// mkdir makes a directory of the numeric user.
func (c *chroot) mkdir(name string, uid, gid int, mode os.FileMode) {
	c.t.Helper()
	must(c.t, os.MkdirAll(c.path(name), 0o755))
	must(c.t, os.Chmod(c.path(name), mode))
	must(c.t, os.Chown(c.path(name), uid, gid))
}

// contained runs a program in the root $0, in namespaces of its own: the first
// process of them ends when its stdin does, and all others and every mount
// with it, however the test ends.
const contained = `mount --rbind /dev "$0/dev" && { chroot "$0" "$@" </dev/null & } && read -r forever`

// start runs a server until the end of the test and shows what it said if the
// test failed: its output, and the logs.
func (c *chroot) start(ctx context.Context, logs []string, program ...string) {
	c.t.Helper()
	output, err := os.Create(c.path("output"))
	must(c.t, err)
	args := append([]string{"--mount", "--propagation", "private", "--pid", "--fork", "sh", "-c", contained, c.dir}, program...)
	// The deadline of the test does not end it: its logs say what it waited for.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "unshare", args...)
	cmd.Stdout, cmd.Stderr = output, output
	stdin, err := cmd.StdinPipe()
	must(c.t, err)
	must(c.t, cmd.Start())
	c.t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // when nothing of it is left; the shell ends with 1
		_ = output.Close()
		if !c.t.Failed() {
			return
		}
		for _, name := range append([]string{"output"}, logs...) {
			if text, err := os.ReadFile(c.path(name)); err == nil {
				c.t.Logf("%s of %s:\n%s", name, strings.Join(program, " "), tail(string(text), 40))
			}
		}
	})
}
