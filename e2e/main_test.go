//go:build e2e

// Package e2e runs the real binary against real servers: make e2e. What it
// needs from the machine is set up by ./setup; what is missing is skipped by
// name, and in CI a skip is a failure.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	// The tests wait for windows and outages far more than they compute.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	if os.Getenv("TOCSIN_BIN") == "" {
		dir, err := build()
		defer os.RemoveAll(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
	}
	code := m.Run()
	fmt.Printf("e2e: %d skipped", len(skips.names))
	if len(skips.names) > 0 {
		fmt.Print(": " + strings.Join(skips.names, ", "))
	}
	fmt.Println()
	return code
}

// build makes the binary and names it in TOCSIN_BIN.
func build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "tocsin-e2e-bin-"); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "tocsin")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "../cmd/tocsin")
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

// needRoot skips a test that only root can run.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
}

// deadline is the time that a test has. Every wait in it ends with the
// context.
func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// poll asks until ok says yes, for what nothing signals.
func poll(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
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
