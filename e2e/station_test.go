//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/postbox"
	"tocsin/notify/spool"
)

// The account of every test. The password is a canary: it may be found
// nowhere but in its own file.
const (
	username = "alice@example.com"
	password = "canary-5f1c-correct-horse"
)

// station is a watched host: a rule file, a secret, a state directory.
type station struct {
	t     *testing.T
	dir   string
	state string
	group *os.File // the control group that its agents begin in; nil is the test's
}

func newStation(t *testing.T) *station {
	t.Helper()
	dir := t.TempDir()
	s := &station{t: t, dir: dir, state: filepath.Join(dir, "state")}
	s.write("smtp.secret", password+"\n")
	return s
}

func (s *station) path(name string) string { return filepath.Join(s.dir, name) }

func (s *station) write(name, text string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path(name), []byte(text), 0o600))
}

// agentBlock is the agent block of every rule file here.
func (s *station) agentBlock() string {
	return fmt.Sprintf("agent {\n  host = \"web-1.example.com\"\n  interval = \"1s\"\n  defaults = false\n  state_dir = %q\n}\n", s.state)
}

// account is a mailserver block for a server that box's certificate stands
// for; more holds further attributes.
func (s *station) account(name string, port int, tls string, box *postbox.Server, more string) string {
	s.t.Helper()
	s.write("ca.pem", string(box.CertificatePEM()))
	return s.server(name, port, tls, more)
}

// server is a mailserver block with the certificates in ca.pem.
func (s *station) server(name string, port int, tls, more string) string {
	return fmt.Sprintf(`mailserver %q {
  host     = "127.0.0.1"
  port     = %d
  tls      = %q
  ca_file  = %q
  username = %q
  password = file(%q)
  %s
}
`, name, port, tls, s.path("ca.pem"), username, s.path("smtp.secret"), more)
}

// unlimited is a limit block that never limits.
const unlimited = `limit {
    recipients_per_day      = 10000000
    messages_per_minute     = 10000000
    messages_per_connection = 10000000
  }`

// mailTo is a mail block.
func mailTo(name string, to ...string) string {
	return fmt.Sprintf("mail %q {\n  from = \"Tocsin <%s>\"\n  to   = [\"%s\"]\n}\n", name, username, strings.Join(to, `", "`))
}

// watchProcess is a check of one pidfile, with the rule "down".
func (s *station) watchProcess(name, interval string) string {
	return fmt.Sprintf(`check "process" %q {
  pidfile  = %q
  interval = %q
  rule "down" {
    when     = !exists
    severity = "warning"
  }
}
`, name, s.path(name+".pid"), interval)
}

// rules writes the rule file from its blocks.
func (s *station) rules(blocks ...string) {
	s.t.Helper()
	s.write("tocsin.hcl", s.agentBlock()+strings.Join(blocks, ""))
}

// command is the program with this station's rule file.
func (s *station) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Getenv("TOCSIN_BIN"), append([]string{"--config", s.path("tocsin.hcl")}, args...)...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "TOCSIN_CONFIG":
		default:
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// outcome is what a command left.
type outcome struct {
	stdout, stderr string
	code           int
}

// tocsin runs a command to its end.
func (s *station) tocsin(ctx context.Context, stdin string, args ...string) outcome {
	s.t.Helper()
	cmd := s.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatal(err)
	}
	if ctx.Err() != nil {
		s.t.Fatalf("%s took too long; stderr:\n%s", args, stderr.String())
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that has to succeed and returns its output.
func (s *station) ok(ctx context.Context, args ...string) string {
	s.t.Helper()
	o := s.tocsin(ctx, "", args...)
	if o.code != 0 {
		s.t.Fatalf("%s: got exit code %d, want 0\n%s%s", args, o.code, o.stdout, o.stderr)
	}
	return o.stdout
}

// listing is what the spool holds.
func (s *station) listing() spool.Listing {
	s.t.Helper()
	l, err := spool.List(filepath.Join(s.state, "spool"))
	must(s.t, err)
	return l
}

// startBox starts a mail server for the account of the tests.
func startBox(t *testing.T, config postbox.Config) *postbox.Server {
	t.Helper()
	config.Username, config.Password = username, password
	box, err := postbox.Start(config)
	must(t, err)
	t.Cleanup(func() { _ = box.Close() })
	return box
}

// receive waits for the next mail.
func receive(ctx context.Context, t *testing.T, box *postbox.Server) letter {
	t.Helper()
	select {
	case m := <-box.Received():
		return parse(t, m)
	case <-ctx.Done():
		t.Fatal("waited in vain for a mail")
	}
	return letter{}
}

// address is where a box listens.
func address(box *postbox.Server) string {
	return net.JoinHostPort(box.Host(), fmt.Sprint(box.Port()))
}
