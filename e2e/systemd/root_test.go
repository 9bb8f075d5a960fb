//go:build e2esystemd

package systemd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// directoryRoot is a private copy of the Debian root in a directory.
func directoryRoot(ctx context.Context, t *testing.T, dir string) string {
	t.Helper()
	root := filepath.Join(dir, "root")
	// It is 120 MB and takes half a second; an overlay would save that, and
	// be one more thing that no machine has under its state directory.
	run(ctx, t, "cp", "-a", "--reflink=auto", rootfs()+"/.", root)
	return root
}

// packaging is where the files of the package are.
const packaging = "../../packaging"

// putter writes files below a root.
func putter(t *testing.T, root string) func(name, text string, mode os.FileMode) {
	return func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		_ = os.Remove(path) // a link would be followed
		must(t, os.WriteFile(path, []byte(text), mode))
		must(t, os.Chmod(path, mode)) // whatever the umask
	}
}

// furnish makes a copy of the Debian root into a machine of its own.
func furnish(t *testing.T, root string, net *network) {
	t.Helper()
	put := putter(t, root)
	put("etc/hostname", "bench\n", 0o644)
	put("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 bench\n", 0o644)
	put("etc/machine-id", fmt.Sprintf("%.16x\n", sha256.Sum256([]byte(net.space))), 0o444)
	put("etc/network/interfaces", fmt.Sprintf("auto lo\niface lo inet loopback\nauto %s\niface %s inet static\n\taddress %s/24\n", plug, plug, net.box), 0o644)
	put("etc/systemd/resolved.conf.d/bench.conf", "[Resolve]\nDNS="+net.host+"\nDomains=~.\nLLMNR=no\nMulticastDNS=no\n", 0o644)
	must(t, os.MkdirAll(filepath.Join(root, "var/log/journal"), 0o755))
	put(pidfile, "1\n", 0o644)
}

// install makes a machine into the watched one.
func install(ctx context.Context, t *testing.T, root string, ca []byte) {
	t.Helper()
	put := putter(t, root)
	installBinary(ctx, t, root, os.Getenv("TOCSIN_BIN"))
	for from, to := range map[string]string{
		"*.service":  "usr/lib/systemd/system/",
		"*.sysusers": "usr/lib/sysusers.d/", "*.tmpfiles": "usr/lib/tmpfiles.d/",
		"*.rules": "usr/share/polkit-1/rules.d/",
	} {
		files, _ := filepath.Glob(filepath.Join(packaging, from))
		for _, file := range files {
			name := filepath.Base(file)
			if base, kind, _ := strings.Cut(name, "."); kind == "sysusers" || kind == "tmpfiles" {
				name = base + ".conf"
			}
			put(to+name, readFile(t, file), 0o644)
		}
	}
	put("etc/tocsin/smtp.secret", password+"\n", 0o600)
	put("etc/tocsin/ca.pem", string(ca), 0o640)
	put("etc/tocsin/tocsin.hcl", ruleFile(watching), 0o640)
	must(t, os.Chmod(filepath.Join(root, "etc/tocsin"), 0o750))
	run(ctx, t, "chroot", root, "systemd-sysusers")
	run(ctx, t, "chroot", root, "chgrp", "tocsin", "/etc/tocsin", "/etc/tocsin/ca.pem", "/etc/tocsin/tocsin.hcl")
	run(ctx, t, "chroot", root, "systemctl", "enable", "tocsin.service")
	if _, err := os.Stat(filepath.Join(root, "usr/lib/systemd/system", markUnit)); err == nil {
		run(ctx, t, "chroot", root, "systemctl", "enable", markUnit)
	}
}

// markUnit notes that the machine goes down in order.
const markUnit = "tocsin-bootmark.service"

// installBinary replaces the program as a package manager does: a running one
// keeps what it has.
func installBinary(ctx context.Context, t *testing.T, root, binary string) {
	t.Helper()
	path := filepath.Join(root, "usr/bin/tocsin")
	run(ctx, t, "install", "--mode=755", binary, path+".new")
	must(t, os.Rename(path+".new", path))
}

// host runs a program of the machine's root while the machine may be off.
func (m *machine) host(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "chroot", append([]string{m.root}, args...)...).CombinedOutput()
	return string(out), err
}
