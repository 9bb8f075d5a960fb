//go:build e2esystemd

// Package systemd boots Debian under a real systemd in containers, with the
// agent and its units installed as a package installs them and a real Postfix
// outside, and takes the machines down in every way there is: make
// e2e-systemd. It needs root and what ./setup builds; what is missing is
// skipped by name, and in CI a skip is a failure.
//
// TOCSIN_BIN is the program, with the tag fault (built when not set),
// TOCSIN_ROOTFS the cache of the setup, TOCSIN_ROUNDS repeats the ways down (1), TOCSIN_FULL=1 takes also
// those that last a minute.
package systemd

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// skips is what TestMain tells at the end; tests share nothing else.
var skips struct {
	mu    sync.Mutex
	names []string
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	flag.Parse()
	// A machine computes while it boots and waits the rest of the time.
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e/systemd:", err)
		return 1
	}
	if os.Geteuid() == 0 {
		unlock, err := lockCache()
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e/systemd:", err)
			return 1
		}
		defer unlock()
		for _, what := range sweep() {
			fmt.Fprintln(os.Stderr, "e2e/systemd: removed what an earlier run has left:", what)
		}
	}
	if os.Getenv("TOCSIN_BIN") == "" {
		dir, err := build()
		defer os.RemoveAll(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e/systemd:", err)
			return 1
		}
	}
	code := m.Run()
	if os.Geteuid() == 0 {
		for _, what := range sweep() {
			fmt.Fprintln(os.Stderr, "e2e/systemd: a test has left:", what)
			code = max(code, 1)
		}
	}
	fmt.Printf("e2e/systemd: %d skipped", len(skips.names))
	if len(skips.names) > 0 {
		fmt.Print(": " + strings.Join(skips.names, ", "))
	}
	fmt.Println()
	return code
}

// build makes the binary, which can be made to hang, and names it in
// TOCSIN_BIN.
func build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "tocsin-e2e-bin-"); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "tocsin")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-tags", "fault", "-ldflags", "-s -w", "-o", bin, "../../cmd/tocsin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build: %w: %s", err, out)
	}
	return dir, os.Setenv("TOCSIN_BIN", bin)
}

// skip leaves a test out and remembers it; in CI nothing may be left out.
func skip(t *testing.T, reason string) {
	t.Helper()
	skips.mu.Lock()
	skips.names = append(skips.names, fmt.Sprintf("%s (%s)", t.Name(), reason))
	skips.mu.Unlock()
	if os.Getenv("CI") != "" {
		t.Fatalf("skipped, which CI does not allow: %s", reason)
	}
	t.Skip(reason)
}

// need skips a test that lacks something of the machine it runs on.
func need(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	for _, program := range []string{"systemd-nspawn", "nsenter", "ip", "dnsmasq", "postfix", "saslpasswd2", "mkfs.ext4", "e2fsck"} {
		if _, err := exec.LookPath(program); err != nil {
			skip(t, "no "+program)
		}
	}
	if _, err := os.Stat(rootfs()); err != nil {
		skip(t, "no Debian root: "+err.Error())
	}
}

// rounds is how often the ways down are taken.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("TOCSIN_ROUNDS")); err == nil && n > 1 {
		return n
	}
	return 1
}

// full says that the run may take long.
func full() bool { return os.Getenv("TOCSIN_FULL") == "1" || rounds() > 1 }

// deadline is the time that a test has. Every wait in it ends with the
// context.
func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// patience is how long anything may take that is not known to take longer.
const patience = 40 * time.Second

// poll asks until ok says yes, for what nothing signals.
func poll(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readFile reads a file that has to be there.
func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// run runs a program of the host that has to succeed.
func run(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// contains says whether text holds all the words.
func contains(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// tail is the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
