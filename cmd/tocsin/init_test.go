package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeService is a machine with the packaged unit, below a directory. What systemd
// is asked for is in asked.
type fakeService struct {
	dir   string
	asked []string
	// state is that of the unit.
	state string
	// fails are the programs that do, by their first two words.
	fails map[string]error
}

func newFakeService(t *testing.T) *fakeService {
	t.Helper()
	t.Setenv("TOCSIN_CONFIG", "")
	m := &fakeService{dir: t.TempDir(), state: "active", fails: make(map[string]error)}
	for _, dir := range []string{"etc", "run"} {
		if err := os.Mkdir(filepath.Join(m.dir, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"unit", "etc/smtp.secret"} {
		if err := os.WriteFile(filepath.Join(m.dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(m.dir, "etc/tocsin.hcl"), []byte("# Nothing is set here yet.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *fakeService) run(_ context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	m.asked = append(m.asked, name+" "+args[0])
	if err := m.fails[name+" "+args[0]]; err != nil {
		return nil, err
	}
	switch args[0] {
	case "encrypt":
		return append([]byte("sealed:"), stdin...), nil
	case "decrypt":
		return bytes.TrimPrefix(stdin, []byte("sealed:")), nil
	case "show":
		return []byte(m.state + "\n"), nil
	}
	return nil, nil
}

// init runs tocsin init there and returns what it printed.
func (m *fakeService) init(t *testing.T, secret string) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	in := strings.NewReader(secret)
	opt := &options{std: streams{in, &out, &out}, state: filepath.Join(m.dir, "state")}
	i := &initiation{
		opt: opt, flags: initFlags{provider: "gmail", username: "alice@gmail.com", to: []string{"alice@gmail.com"}, secretFile: "-", noTest: true},
		machine: initMachine{
			etc: filepath.Join(m.dir, "etc"), units: []string{filepath.Join(m.dir, "none"), filepath.Join(m.dir, "unit")},
			dropIns: []string{filepath.Join(m.dir, "systemd/tocsin.service.d/tocsin-init.conf"), filepath.Join(m.dir, "systemd/tocsin-unit@.service.d/tocsin-init.conf")},
			booted:  filepath.Join(m.dir, "run"), root: true, run: m.run,
		},
		asker: asker{in: in, out: &out},
	}
	err = i.run(t.Context())
	return out.String(), err
}

// files are those that init may write, with their modes.
func (m *fakeService) files(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all[filepath.Base(path)] = info.Mode().String() + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSecretOfTheService: encrypted where that works; the unit begins anew with it;
// a later one that cannot be encrypted takes its place.
func TestSecretOfTheService(t *testing.T) {
	m := newFakeService(t)
	said, err := m.init(t, "canary-horse")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	files := m.files(t)
	if files["smtp.cred"] != "-rw------- sealed:canary-horse" || files["smtp.secret"] != "-rw------- " || !strings.HasPrefix(files["tocsin-init.conf"], "-rw-r--r-- #") ||
		!strings.Contains(files["tocsin-init.conf"], "LoadCredentialEncrypted=smtp:"+m.dir+"/etc/smtp.cred\n") || !strings.HasPrefix(files["mail.hcl"], "-rw-r----- #") || !strings.Contains(files["mail.hcl"], `credential("smtp")`) {
		t.Errorf("got %q", files)
	}
	for _, unit := range []string{"tocsin.service", "tocsin-unit@.service"} { // an OnFailure= mails with the same account
		if text, err := os.ReadFile(filepath.Join(m.dir, "systemd", unit+".d/tocsin-init.conf")); err != nil || string(text) == "" {
			t.Errorf("%s does not get the secret: %v", unit, err)
		}
	}
	if strings.Contains(said, "canary") || !strings.Contains(said, "the agent was restarted, and is ready") {
		t.Errorf("got %s", said)
	}
	want := []string{"systemd-creds encrypt", "systemd-creds decrypt", "systemctl daemon-reload", "systemctl show", "systemctl reset-failed", "systemctl restart"}
	if !slices.Equal(m.asked, want) {
		t.Errorf("got %q, want %q", m.asked, want)
	}

	m.fails["systemd-creds encrypt"] = errors.New("systemd-creds: exit status 1: no key")
	said, err = m.init(t, "other-horse\n")
	if err != nil || !strings.Contains(said, "The secret is not encrypted: systemd-creds: exit status 1: no key. It goes into "+m.dir+"/etc/smtp.secret, which root alone can read.") || !strings.Contains(said, "mail.hcl, which is the same") {
		t.Errorf("got %v: %s", err, said)
	}
	files = m.files(t)
	if files["smtp.secret"] != "-rw------- other-horse\n" || files["smtp.cred"] != "" || files["tocsin-init.conf"] != "" {
		t.Errorf("got %q", files)
	}
}

// TestUnitThatIsNotRunning: one that was stopped is not started; one that cannot
// be started is told, with what is in place.
func TestUnitThatIsNotRunning(t *testing.T) {
	m := newFakeService(t)
	m.state = "inactive"
	said, err := m.init(t, "canary-horse")
	if err != nil || !strings.Contains(said, "the agent is stopped; it starts with: systemctl enable --now tocsin-bootmark tocsin") || slices.Contains(m.asked, "systemctl restart") {
		t.Errorf("got %v: %s %q", err, said, m.asked)
	}
	m.state, m.fails["systemctl restart"] = "failed", errors.New("systemctl: exit status 1: it failed")
	if said, err = m.init(t, "canary-horse"); err == nil || err.Error() != "systemctl: exit status 1: it failed; journalctl -u tocsin says why" {
		t.Errorf("got %v: %s", err, said)
	}
	if err := os.Remove(filepath.Join(m.dir, "run")); err != nil { // an image that is built
		t.Fatal(err)
	}
	if said, err = m.init(t, "canary-horse"); err != nil || !strings.Contains(said, "the unit has the account when it starts") {
		t.Errorf("got %v: %s", err, said)
	}
}

// TestSecretThatCannotBeReadAgain: what systemd-creds does not give back is not
// relied on.
func TestSecretThatCannotBeReadAgain(t *testing.T) {
	m := newFakeService(t)
	m.fails["systemd-creds decrypt"] = errors.New("systemd-creds: exit status 1: bad message")
	said, err := m.init(t, "canary-horse")
	files := m.files(t)
	if err != nil || files["smtp.secret"] != "-rw------- canary-horse\n" || files["smtp.cred"] != "" || files["tocsin-init.conf"] != "" {
		t.Errorf("got %v: %s\n%q", err, said, files)
	}
}

// TestOnlyRootSetsUpTheService: whoever is not root is told so before the first
// question.
func TestOnlyRootSetsUpTheService(t *testing.T) {
	m := newFakeService(t)
	i := &initiation{opt: &options{}, machine: initMachine{etc: filepath.Join(m.dir, "etc")}}
	if err := i.run(t.Context()); err == nil || !strings.Contains(err.Error(), "only root writes to "+m.dir+"/etc: sudo tocsin init") {
		t.Errorf("got %v", err)
	}
}

// TestHalfWritten: what could not be written is said, with what to do, and that
// helps.
func TestHalfWritten(t *testing.T) {
	m := newFakeService(t)
	inTheWay := filepath.Join(m.dir, "systemd")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := m.init(t, "canary-horse")
	if err == nil || !strings.Contains(err.Error(), "not a directory\nThe agent has not been told of anything") || slices.Contains(m.asked, "systemctl restart") || strings.Contains(said+err.Error(), "canary") {
		t.Errorf("got %v: %s", err, said)
	}
	if files := m.files(t); files["mail.hcl"] != "" {
		t.Errorf("got %q, want the rule file after what it needs", files)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	if said, err = m.init(t, "canary-horse"); err != nil || m.files(t)["smtp.secret"] != "-rw------- " {
		t.Errorf("got %v: %s", err, said)
	}
}

// TestOldRuleFileIsKept: with its mode, whatever is kept of it already; one that
// was killed leaves no secret behind.
func TestOldRuleFileIsKept(t *testing.T) {
	m := newFakeService(t)
	path := filepath.Join(m.dir, "etc/mail.hcl")
	now := time.Now()
	for _, text := range []string{"# one\n", "# two\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kept, err := keep(path, []byte(text), now)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(kept); err != nil || info.Mode() != 0o600 {
			t.Errorf("got %v, %v, want the mode that it had", info, err)
		}
	}
	left := filepath.Join(m.dir, "etc/.tmp-1")
	if err := errors.Join(os.WriteFile(left, []byte("canary"), 0o600), os.Chtimes(left, now, now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	if said, err := m.init(t, "canary-horse"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	files, base := m.files(t), "mail.hcl.bak-"+now.Format("20060102-150405")
	if files[base] != "-rw------- # one\n" || files[base+"-2"] != "-rw------- # two\n" || files[".tmp-1"] != "" {
		t.Errorf("got %q", files)
	}
}
