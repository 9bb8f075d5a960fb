package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
)

// badJudge is a process that reads the rule files and meets its end over them.
func badJudge() {
	confine()
	switch os.Args[1] {
	case "overflow":
		fmt.Fprintln(io.Discard, deeper(1))
	case "endless":
		for {
			_ = os.Getpid()
		}
	case "hungry":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 16<<20))
			for i := range kept[len(kept)-1] {
				kept[len(kept)-1][i] = 1
			}
		}
	case "talkative":
		for {
			fmt.Println(strings.Repeat("x", 1<<16))
		}
	case "dumb":
		fmt.Println("hello")
	case "panics":
		panic("of all things")
	}
}

func deeper(n int) int {
	if n == 0 {
		return 0
	}
	var room [1000]int
	room[n%1000] = n
	return deeper(n+1) + room[(n+1)%1000]
}

// TestNoFileTakesTheAgentWithIt: whatever happens to the process that reads the
// rule files, the agent gets an error that says so.
func TestNoFileTakesTheAgentWithIt(t *testing.T) {
	for how, want := range map[string]string{
		"overflow":  "it died: exit status 2: fatal error: stack overflow",
		"hungry":    "it died: ",
		"endless":   "it was not done within",
		"talkative": "it says too much",
		"dumb":      "its answer: invalid character",
		"panics":    "it died: exit status 2: panic: of all things",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			if how == "hungry" && judgeMemory > 1<<40 {
				t.Skip("the race detector takes more memory than any limit allows: make race runs this one without it")
			}
			j := judge{limit: time.Minute, command: func(ctx context.Context) *exec.Cmd {
				cmd := exec.CommandContext(ctx, "/proc/self/exe")
				cmd.Args = []string{"bad-judge", how}
				return cmd
			}}
			if how == "endless" {
				j.limit = 300 * time.Millisecond
			}
			said, err := j.ask(t.Context())
			if !errors.Is(err, errUnjudged) || !strings.Contains(err.Error(), want) || said.Valid {
				t.Errorf("got %v, %+v, want %q", err, said, want)
			}
		})
	}
	t.Run("not started", func(t *testing.T) {
		j := judge{limit: time.Minute, command: func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, "/nonexistent") }}
		if _, err := j.ask(t.Context()); !errors.Is(err, errUnjudged) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

// TestWhatIsJudgedIsWhatIsLoaded: the bytes come from the process that read
// them, and a secret that changed meanwhile is seen.
func TestWhatIsJudgedIsWhatIsLoaded(t *testing.T) {
	dir := t.TempDir()
	rules, secret := filepath.Join(dir, "a.hcl"), filepath.Join(dir, "secret")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rules, "mailserver \"relay\" {\n  host     = \"mail.example.com\"\n  username = \"me@example.com\"\n  password = file(\"secret\")\n}\nmail \"ops\" {\n  to = [\"ops@example.com\"]\n}\n")
	write(secret, "first")
	opt := &options{config: rules, state: filepath.Join(dir, "state")}
	said, err := newJudge(opt, nil).ask(t.Context())
	if err != nil || !said.Valid {
		t.Fatalf("got %+v, %v", said, err)
	}
	write(rules, "something else")
	first, problems := config.LoadFiles(said.Files, config.Options{StateDir: opt.state})
	if problems.HasErrors() || first.Outside() != said.Outside || len(first.Accounts) != 1 {
		t.Fatalf("got %v, %+v", problems, first)
	}
	write(secret, "second")
	second, _ := config.LoadFiles(said.Files, config.Options{StateDir: opt.state})
	if second.Outside() == said.Outside {
		t.Error("another secret has the same hash")
	}
	if text := fmt.Sprintf("%+v", said); strings.Contains(text, "first") {
		t.Error("the secret is in what the process says")
	}
	if got := second.Since(first).Blocks.Changed; len(got) != 1 || got[0] != `mailserver "relay"` {
		t.Errorf("got %q", got)
	}
	said, err = newJudge(opt, nil).ask(t.Context())
	if err != nil || said.Valid || len(said.Files) > 0 || !strings.Contains(said.Problems, "a.hcl line 1") || firstProblem(said.Problems) == "" {
		t.Errorf("got %+v, %v", said, err)
	}
}
