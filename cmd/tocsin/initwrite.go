package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/durable"
	"tocsin/internal/setup"
)

// initMachine is what init finds of the machine it runs on.
type initMachine struct {
	etc   string   // the directory of rule files of the packaged unit
	units []string // where that unit may be
	// dropIns are those of the units that have the secret: an OnFailure= mails
	// without the agent, too.
	dropIns []string
	booted  string // is there when systemd runs the machine (sd_booted(3))
	keys    string // the directory of the key of the host
	root    bool
	run     func(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error)
}

func thisMachine() initMachine {
	return initMachine{
		etc:   "/etc/tocsin",
		units: []string{"/etc/systemd/system/tocsin.service", "/usr/lib/systemd/system/tocsin.service", "/lib/systemd/system/tocsin.service"},
		dropIns: []string{
			"/etc/systemd/system/tocsin.service.d/tocsin-init.conf", "/etc/systemd/system/tocsin-unit@.service.d/tocsin-init.conf",
		},
		booted: "/run/systemd/system", keys: "/var/lib/systemd", root: os.Geteuid() == 0, run: runProgram,
	}
}

// The bounds of a program of systemd's.
const (
	programLimit = 90 * time.Second // as long as a start may take
	maxSaid      = 64 << 10
)

// runProgram runs a program of systemd's and returns what it printed.
func runProgram(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // systemctl and systemd-creds
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, firstLine(strings.TrimSpace(printable(complaint.String()))))
	}
	if out.Len() > maxSaid {
		return nil, fmt.Errorf("%s: it printed more than %d bytes", name, maxSaid)
	}
	return out.Bytes(), nil
}

func (m initMachine) hasUnit() bool {
	for _, path := range m.units {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

func (m initMachine) hasSystemd() bool {
	_, err := os.Stat(m.booted)
	return err == nil
}

// seal encrypts the secret for the unit. Where that does not work it is kept as it
// is, for root alone, and a person is told why.
func (i *initiation) seal(ctx context.Context, secret string) {
	sealed, err := i.machine.sealed(ctx, secret)
	if err != nil {
		fmt.Fprintf(i.asker.out, "The secret is not encrypted: %s. It goes into %s, which root alone can read.\n", printable(err.Error()), i.place.PlainPath())
		return
	}
	i.place.Sealed = sealed
}

// sealed is the secret as systemd-creds(1) encrypts it, with the key of this host.
// What it cannot read again is of no use.
func (m initMachine) sealed(ctx context.Context, secret string) ([]byte, error) {
	if !m.hasSystemd() {
		return nil, errors.New("systemd does not run here")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(m.keys, &fs); err == nil && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC) {
		return nil, fmt.Errorf("%s is in memory, so that the next boot would have another key", m.keys)
	}
	sealed, err := m.run(ctx, []byte(secret), "systemd-creds", "encrypt", "--with-key=host", "--name="+setup.Credential, "-", "-")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("there is no systemd-creds, which comes with systemd 250")
	}
	if err != nil {
		return nil, err
	}
	again, err := m.run(ctx, sealed, "systemd-creds", "decrypt", "--name="+setup.Credential, "-", "-")
	if err == nil && string(again) != secret {
		err = errors.New("systemd-creds: what it decrypts is not what was encrypted")
	}
	return sealed, err
}

// agreed shows what would become of a rule file that is there, and asks. A secret
// beside a new rule file may be that of another one.
func (i *initiation) agreed(ctx context.Context, before []byte, files []setup.File) error {
	for _, f := range files {
		switch {
		case f.Rules && before != nil && !bytes.Equal(before, f.Text):
			fmt.Fprint(i.opt.std.out, shown(setup.Diff(f.Path, string(config.Redact(before)), string(f.Text))))
			if err := i.mayReplace(ctx, f.Path, "is there already. Replace it as shown?", "is there already and different"); err != nil {
				return err
			}
		case i.foreign(f, before):
			question, refusal := "holds another secret already. Replace it?", "holds another secret already, perhaps of another rule file: put the new one into a directory of its own"
			if user := i.secretUser(); user != "" {
				question, refusal = "holds another secret, which "+user+" uses. Replace it?", "holds another secret, which "+user+" uses: put the new one into a directory of its own"
			}
			if err := i.mayReplace(ctx, f.Path, question, refusal); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayReplace asks whether a file may be replaced; --yes has said so.
func (i *initiation) mayReplace(ctx context.Context, path, question, refusal string) error {
	if i.flags.yes {
		return nil
	}
	yes := false
	err := i.asker.ask(ctx, path+" "+question+" (yes or no)", "no", func(text string) error {
		switch strings.ToLower(text) {
		case "y", "yes":
			yes = true
		case "n", "no":
		default:
			return errors.New("say yes or no")
		}
		return nil
	})
	if errors.Is(err, errNoAnswer) || err == nil && !yes {
		return fmt.Errorf("%s %s; --yes replaces it", path, refusal)
	}
	return err
}

// sweepAge is how old a file must be that no other run of init still writes.
const sweepAge = time.Minute

// write makes the files what they should be, in their order, and keeps a rule file
// that was there, and a secret that may be another one's.
func (i *initiation) write(before []byte, files []setup.File, now time.Time) error {
	if i.place.Service { // the directory is Tocsin's own; a secret may be in what a run that was killed has left
		if err := durable.Sweep(filepath.Dir(i.place.RuleFile), sweepAge, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range files {
		if f.Rules && before != nil {
			if bytes.Equal(before, f.Text) {
				fmt.Fprintf(i.opt.std.out, "kept %s, which is the same\n", f.Path)
				continue
			}
			kept, err := keep(f.Path, before, now)
			if err != nil {
				return fmt.Errorf("keep the old rule file: %w", err)
			}
			fmt.Fprintf(i.opt.std.out, "kept the old one as %s\n", kept)
		}
		if i.foreign(f, before) {
			kept, err := keepSecret(f.Path, now)
			if err != nil {
				return fmt.Errorf("keep the old secret: %w", err)
			}
			fmt.Fprintf(i.opt.std.out, "kept the old secret as %s\n", kept)
		}
		if err := i.put(f); err != nil {
			return err
		}
	}
	return nil
}

// maxKept is how many old files one second may have.
const maxKept = 100

// keep gives a file that is there a second name, which none has yet. Its mode
// and its owner stay: it may hold a password.
func keep(path string, before []byte, now time.Time) (kept string, err error) {
	base := path + ".bak-" + now.Format("20060102-150405")
	for n := range maxKept {
		kept = base
		if n > 0 {
			kept += "-" + strconv.Itoa(n+1)
		}
		if _, err := os.Lstat(kept); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err = os.Link(path, kept)
		switch {
		case err == nil:
			return kept, durable.SyncDir(filepath.Dir(path))
		case errors.Is(err, fs.ErrExist):
		default: // a file system without links, or a file of somebody else's (proc_sys_fs(5), protected_hardlinks)
			return kept, durable.WriteFile(kept, before)
		}
	}
	return "", fmt.Errorf("%s and %d more are there already", base, maxKept-1)
}

// put writes or removes one file.
func (i *initiation) put(f setup.File) error {
	if f.Remove {
		if _, err := os.Lstat(f.Path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := durable.Remove(f.Path); err != nil {
			return err
		}
		fmt.Fprintf(i.opt.std.out, "removed %s\n", f.Path)
		return nil
	}
	dir := filepath.Dir(f.Path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as all of /etc; what is in it has modes of its own
			return err
		}
		if err := durable.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := durable.WriteFileMode(f.Path, f.Text, f.Mode, f.Owner == setup.Directory); err != nil {
		return err
	}
	fmt.Fprintf(i.opt.std.out, "wrote %s (%s)\n", f.Path, f.About)
	return nil
}

// takeEffect has the agent that runs take what was written.
func (i *initiation) takeEffect(ctx context.Context) error {
	if i.place.Service && i.machine.hasSystemd() {
		return i.restart(ctx)
	}
	reply, err := client(i.opt).Reload(ctx)
	switch {
	case errors.Is(err, control.ErrNotRunning) && i.place.Service:
		fmt.Fprintln(i.opt.std.out, "systemd does not run here; the unit has the account when it starts. For an agent without systemd: tocsin init -c FILE")
		return nil
	case errors.Is(err, control.ErrNotRunning):
		fmt.Fprintln(i.opt.std.out, "no agent runs here yet: tocsin run")
		return nil
	case err != nil:
		return errors.New("reload: " + printable(err.Error()))
	case !reply.Valid:
		fmt.Fprint(i.opt.std.err, shown(reply.Problems))
		return errors.New("the agent rejects the rule files")
	}
	fmt.Fprint(i.opt.std.out, "the agent has taken it\n")
	return nil
}

// restart has the unit begin anew, since it gets its secret when it starts. One
// that was stopped stays so.
func (i *initiation) restart(ctx context.Context) error {
	if _, err := i.machine.run(ctx, nil, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	state, err := i.machine.run(ctx, nil, "systemctl", "show", "--property=ActiveState", "--value", "tocsin.service")
	if err != nil {
		return err
	}
	switch strings.TrimSpace(string(state)) {
	case "inactive", "deactivating":
		fmt.Fprintln(i.opt.std.out, "the agent is stopped; it starts with: systemctl enable --now tocsin-bootmark tocsin")
		return nil
	}
	// One that failed so often that systemd starts it no more begins anew, as does
	// its count (systemd.unit(5), StartLimitBurst=).
	_, _ = i.machine.run(ctx, nil, "systemctl", "reset-failed", "tocsin.service") // the restart says whether it matters
	if _, err := i.machine.run(ctx, nil, "systemctl", "restart", "tocsin.service"); err != nil {
		return fmt.Errorf("%w; journalctl -u tocsin says why", err)
	}
	fmt.Fprintln(i.opt.std.out, "the agent was restarted, and is ready")
	return nil
}
