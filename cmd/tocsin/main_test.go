package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/internal/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tocsin": func() {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
			stop()
			os.Exit(code)
		},
		"bad-judge": badJudge,
	})
}

// managerKey is where a script has the service manager that its agent tells.
const managerKey = "manager"

// readyWait is how long an agent may take to say that it is ready.
const readyWait = time.Minute

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("TOCSIN_CONFIG", "")
			// A path of its own: that of a socket is short (unix(7)).
			dir, err := os.MkdirTemp("", "tocsin") //nolint:usetesting // that of a test has no short name
			if err != nil {
				return err
			}
			path := filepath.Join(dir, "manager")
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err != nil {
				return err
			}
			env.Defer(func() { _ = manager.Close(); _ = os.RemoveAll(dir) })
			env.Values[managerKey] = manager
			env.Values[postboxKey] = &boxed{}
			env.Setenv("NOTIFY_SOCKET", path)
			env.Setenv("AGENT", filepath.Join(dir, "state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":        waitReady,
			"plain":        plainTimes,
			"hangup":       hangUp,
			"freeze":       freeze,
			"thaw":         thaw,
			"await":        awaitRead,
			"await.failed": awaitState(control.Failed),
			"await.held":   awaitState(control.Held),
			"walk":         walk,
			"documents":    runDocuments,
			"relay":        startRelay,
			"postbox":      startPostbox,
			"received":     received,
		},
	})
}

// waitReady waits until the agent of the script says that it is ready, after a
// start or a reload.
func waitReady(ts *testscript.TestScript, _ bool, _ []string) {
	manager, _ := ts.Value(managerKey).(*net.UnixConn)
	ts.Check(manager.SetReadDeadline(time.Now().Add(readyWait)))
	message := make([]byte, 4096)
	for {
		n, err := manager.Read(message)
		ts.Check(err)
		if strings.HasPrefix(string(message[:n]), "READY=1") {
			return
		}
	}
}

// awaitRead waits until the agent of the script has read a check: "await 'KIND
// NAME'". It asks as fast as it is answered, and no longer than readyWait.
func awaitRead(ts *testscript.TestScript, _ bool, args []string) {
	c := control.Client{Path: filepath.Join(ts.Getenv("AGENT"), "control.sock")}
	kind, name, _ := strings.Cut(args[0], " ")
	for began := time.Now(); time.Since(began) < readyWait; {
		s, err := c.Status(context.Background(), []string{kind + "." + name})
		ts.Check(err)
		if s.Checks[0].State != control.Unread && !s.Checks[0].Read.IsZero() && len(s.Checks[0].Values) > 0 {
			return
		}
	}
	ts.Fatalf("%s was not read", args[0])
}

// awaitState is awaitRead for a check that is in a state.
func awaitState(state control.State) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		c := control.Client{Path: filepath.Join(ts.Getenv("AGENT"), "control.sock")}
		kind, name, _ := strings.Cut(args[0], " ")
		for began := time.Now(); time.Since(began) < readyWait; {
			s, err := c.Status(context.Background(), []string{kind + "." + name})
			ts.Check(err)
			if s.Checks[0].State == state {
				return
			}
		}
		ts.Fatalf("%s is not %s", args[0], state)
	}
}

// hangUp sends SIGHUP to the agent that has the state directory $AGENT.
func hangUp(ts *testscript.TestScript, _ bool, _ []string) { signalAgent(ts, syscall.SIGHUP) }

// freeze stops the agent of the script, so that it answers nobody; thaw lets it
// go on.
func freeze(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("PID", strconv.Itoa(signalAgent(ts, syscall.SIGSTOP)))
}

func thaw(ts *testscript.TestScript, _ bool, _ []string) { signalAgent(ts, syscall.SIGCONT) }

// signalAgent sends a signal to the agent of the script, and returns its process.
func signalAgent(ts *testscript.TestScript, signal syscall.Signal) int {
	var pid int
	text := ts.ReadFile(filepath.Join(ts.Getenv("AGENT"), "lock"))
	_, err := fmt.Sscanf(text[strings.LastIndexByte(text, ' ')+1:], "%d", &pid)
	ts.Check(err)
	ts.Check(syscall.Kill(pid, signal))
	return pid
}

// plainTimes writes the standard output of the command before into a file, with
// what is another one each time as a word: "plain FILE".
func plainTimes(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(plainText(ts.ReadFile("stdout"))), 0o600))
}

// plainText is a text with what is another one each time as a word.
func plainText(text string) string {
	for _, one := range []struct{ pattern, word string }{
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`, "TIME"},
		{`\b(\d+(\.\d+)?(h|m|s|ms|µs))+\b`, "SPAN"},
		{`\b\d+(\.\d+)? ([KMGT]i?)?B\b`, "SIZE"},
		{`\b\d+(\.\d+)? %`, "N %"},
	} {
		text = regexp.MustCompile(one.pattern).ReplaceAllString(text, one.word)
	}
	return text
}
