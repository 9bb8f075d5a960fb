package program

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestADaemonLivesOn: what a lasting program starts outlives it, and the
// programs that run after it, in either cage.
func TestADaemonLivesOn(t *testing.T) {
	cages(t, func(t *testing.T, c *Cage) {
		for i, how := range []string{"setsid /bin/sh -c '%s' &", "/bin/sh -c '%s' &", "env -i setsid /bin/sh -c '%s' &"} {
			path := fifo(t)
			p := shell(c, fmt.Sprintf("echo begun; "+how, "exec 3>"+path+"; echo $$ >&3; exec sleep 1000"))
			p.Lasting = true
			if r := p.Run(t.Context(), anEvent()); r.Err != nil || r.Output != "begun" {
				t.Fatalf("%d: got %v, %q", i, r.Err, r.Output)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(f).ReadString('\n')
			pid, err2 := strconv.Atoi(strings.TrimSpace(line))
			if err != nil || err2 != nil {
				t.Fatalf("%d: got %q, %v", i, line, err)
			}
			if r := shell(c, "setsid true & true").Run(t.Context(), anEvent()); r.Err != nil {
				t.Error(r.Err)
			}
			if err := syscall.Kill(pid, 0); err != nil {
				t.Errorf("%d: the daemon: %v", i, err)
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = f.Close()
			if c.reaper {
				childless(t)
			}
		}
	})
}

// TestADaemonThatEndsIsBuried: it does not stay a zombie of this process.
func TestADaemonThatEndsIsBuried(t *testing.T) {
	c, _ := newCage(t)
	c.reap()
	t.Cleanup(unreap)
	path, ended := leash(t)
	p := shell(c, "exec 3>"+path+"; env -i setsid sleep 0.3 &")
	p.Lasting = true
	if r := p.Run(t.Context(), anEvent()); r.Err != nil {
		t.Fatal(r.Err)
	}
	gone(t, ended)
	childless(t)
}

// childless waits until this process has no children.
func childless(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(children()) > 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got the children %v left, want none", children())
		}
	}
}

// TestTheCageHoldsBesideALastingProgram: what leaves its session while a
// lasting program runs is ended all the same.
func TestTheCageHoldsBesideALastingProgram(t *testing.T) {
	cages(t, func(t *testing.T, c *Cage) {
		ready, held := fifo(t), fifo(t)
		p := shell(c, "echo > "+ready+"; read x < "+held)
		p.Lasting, p.Timeout = true, time.Minute
		ran := make(chan Result, 1)
		go func() { ran <- p.Run(t.Context(), anEvent()) }()
		if _, err := os.ReadFile(ready); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			left := fifo(t)
			path, ended := leash(t)
			r := shell(c, "(setsid /bin/sh -c 'exec 3>"+path+"; echo > "+left+"; setsid sleep 1000' >/dev/null 2>&1 &) & read x < "+left).Run(t.Context(), anEvent())
			if r.Err != nil {
				t.Error(r.Err)
			}
			gone(t, ended)
		}
		if err := os.WriteFile(held, []byte("end\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := <-ran; r.Err != nil {
			t.Error(r.Err)
		}
	})
}

func TestALastingProgramIsEndedAtItsTimeout(t *testing.T) {
	cages(t, func(t *testing.T, c *Cage) {
		path, ended := leash(t)
		p := shell(c, "exec 3>"+path+"; echo waits; exec sleep 1000")
		p.Lasting, p.Timeout = true, 300*time.Millisecond
		r := p.Run(t.Context(), anEvent())
		if !errors.Is(r.Err, ErrTimeout) || r.Output != "waits" {
			t.Errorf("got %v, %q", r.Err, r.Output)
		}
		gone(t, ended)
	})
}

// TestALoudDaemonHarmsNobody: its output is bounded and ends no one.
func TestALoudDaemonHarmsNobody(t *testing.T) {
	p := shell(nil, "trap 'echo $? killed' PIPE; head -c 1000000 /dev/zero | tr '\\0' x; echo over; exit 3")
	p.Lasting = true
	r := p.Run(t.Context(), anEvent())
	if r.Err == nil || !strings.Contains(r.Err.Error(), "exit status 3") || len(r.Output) > 2*maxOutput || !strings.Contains(r.Output, "xxx") {
		t.Errorf("got %v and %d bytes", r.Err, len(r.Output))
	}
}

// TestWhatScriptsDoWithTheirOutput: what is ordinary works.
func TestWhatScriptsDoWithTheirOutput(t *testing.T) {
	tests := []struct{ name, script, end string }{
		{"by name", "set -e; echo a > /dev/stderr; echo b > /dev/stdout; echo c >> /dev/stderr; echo over", "a\nb\nc\nover"},
		{"much", "set -e; head -c 70000 /dev/zero | tr '\\0' x; echo over", "xover"},
		{"very much", "set -e; head -c 3000000 /dev/zero | tr '\\0' x; echo over", "xover"},
		{"nothing", "exit 0", ""},
	}
	users := []string{""}
	if os.Geteuid() == 0 {
		users = append(users, "nobody")
	}
	for _, tt := range tests {
		for _, user := range users {
			p := shell(nil, tt.script)
			p.Lasting, p.User = true, user
			if r := p.Run(t.Context(), anEvent()); r.Err != nil || !strings.HasSuffix(r.Output, tt.end) {
				t.Errorf("%s as %q: got %v, %.40q", tt.name, user, r.Err, r.Output)
			}
		}
	}
}

// TestADaemonWritesOn: neither while this process reads nor when it is gone is a
// daemon ended, or held, by what it prints.
func TestADaemonWritesOn(t *testing.T) {
	loud := "head -c 3000000 /dev/zero; exec 3>%s; echo lives >&3"
	t.Run("read", func(t *testing.T) {
		path := fifo(t)
		p := shell(nil, "setsid /bin/sh -c '"+fmt.Sprintf(loud, path)+"' 2>/dev/null & echo begun")
		p.Lasting = true
		if r := p.Run(t.Context(), anEvent()); r.Err != nil {
			t.Fatal(r.Err)
		}
		if text, err := os.ReadFile(path); string(text) != "lives\n" {
			t.Errorf("got %q, %v", text, err)
		}
	})
	t.Run("not read", func(t *testing.T) {
		n, err := newNote(uint32(os.Geteuid()))
		if err != nil {
			t.Fatal(err)
		}
		path := fifo(t)
		cmd := exec.Command("/bin/sh", "-c", "read x; "+fmt.Sprintf(loud, path))
		cmd.Stdout = n.write
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n.copy(&tail{})
		n.finish()
		closeFile(n.read) // as the end of this process does
		closeFile(n.write)
		if _, err := in.Write([]byte("go\n")); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); string(text) != "lives\n" {
			t.Errorf("got %q, %v", text, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestFind(t *testing.T) {
	if path, err := Find("sh"); err != nil || !strings.HasSuffix(path, "/bin/sh") {
		t.Errorf("got %q, %v", path, err)
	}
	if _, err := Find("no-such-program-anywhere"); !errors.Is(err, ErrNoProgram) {
		t.Errorf("got %v", err)
	}
}
