package config

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/hcl/v2"

	"tocsin/internal/trust"
)

// writers tells of people who may write the rule files: they decide what the
// agent reads and runs. It looks before a file is read, so that what is read
// is what it has looked at.
type writers struct {
	problems *Problems
	strict   bool
	euid     int
	egid     int
	said     map[string]bool // files and directories that were told
}

func newWriters(p *Problems, opt Options) *writers {
	return &writers{problems: p, strict: opt.Strict || opt.Secrets == Required, euid: os.Geteuid(), egid: os.Getegid(), said: map[string]bool{}}
}

// look tells who else may change what is at a path. Where nothing runs by the
// files, root is warned, and other users only of a file that is everybody's:
// what they check out of a repository is often their group's.
func (w *writers) look(name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	faults, err := trust.Faults(path, uint32(w.euid)) //nolint:gosec // a user's number has 32 bits
	if err != nil {
		return err
	}
	for _, f := range faults {
		everybody := !f.Foreign && f.Path == path && f.Mode.Perm()&0o002 != 0
		if w.said[f.Path] || w.own(f) || !w.strict && w.euid != 0 && !everybody {
			continue
		}
		w.said[f.Path] = true
		shown := f.Path
		if shown == path {
			shown = name
		}
		w.problems.add(w.problem(f, name, shown))
	}
	return nil
}

// own says whether only a user's private group may write as well, which is how a
// umask of 0002 leaves that user's files. Such a group has the user's name or
// number: others are shared. Root's rules are root's alone.
func (w *writers) own(f trust.Fault) bool {
	private := int(f.Group) == w.euid || groupName(int(f.Group)) == userName(w.euid)
	return w.euid != 0 && !f.Foreign && f.Mode.Perm()&0o002 == 0 && int(f.Owner) == w.euid && int(f.Group) == w.egid && private
}

func (w *writers) problem(f trust.Fault, name, shown string) *hcl.Diagnostic {
	what := strconv.Quote(shown)
	if shown != name {
		what = fmt.Sprintf("%s, which leads to %q,", what, name)
	}
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Rule file open to others"}
	switch perm := f.Mode.Perm(); {
	case f.Foreign:
		own := userName(w.euid)
		d.Detail = fmt.Sprintf("%s belongs to the user %s, who could change what the agent runs. Run: chown -h %s %s", what, userName(int(f.Owner)), own, shellQuote(shown))
	case perm&0o022 == 0o022:
		d.Detail = fmt.Sprintf("%s can be written by every user of this machine. Run: chmod go-w %s", what, shellQuote(shown))
	case perm&0o002 != 0:
		d.Detail = fmt.Sprintf("%s can be written by every user of this machine. Run: chmod o-w %s", what, shellQuote(shown))
	default:
		d.Detail = fmt.Sprintf("%s can be written by the group %s. Run: chmod g-w %s", what, groupName(int(f.Group)), shellQuote(shown))
	}
	if !w.strict {
		d.Severity = hcl.DiagWarning
		d.Detail += "\nAn agent that root starts refuses it."
	}
	return d
}

func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil && u.Username != "" {
		return u.Username
	}
	return number
}

func groupName(gid int) string {
	number := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(number); err == nil && g.Name != "" {
		return g.Name
	}
	return number
}
