package program

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// account is whom a program runs as.
type account struct {
	uid, gid   uint32
	groups     []uint32
	name, home string
	other      bool // not the agent's own user and group
}

// maxName is how long the name of a user may be, in bytes: LOGIN_NAME_MAX.
const maxName = 256

// ErrUser is for a program that is to run as a user that there is not, or that
// the agent may not become.
var ErrUser = errors.New("cannot run as another user")

// account finds whom the program runs as. The names are looked up at each run:
// a rule file is good on a machine that does not have them.
func (p Program) account() (*account, error) {
	who := &account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), home: "/"} //nolint:gosec // a user's number has 32 bits
	if p.User == "" && p.Group == "" {
		if own, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
			who.name, who.home = own.Username, own.HomeDir
		} else {
			who.name = strconv.Itoa(os.Geteuid()) // a user without an entry has no home
		}
		return who, nil
	}
	name := p.User
	if name == "" {
		name = strconv.Itoa(os.Geteuid())
	}
	if err := who.become(name, p.Group); err != nil {
		return nil, err
	}
	who.other = int(who.uid) != os.Geteuid() || int(who.gid) != os.Getegid()
	return who, nil
}

func (a *account) become(name, group string) error {
	u, err := user.Lookup(name)
	if err != nil {
		if _, number := strconv.ParseUint(name, 10, 32); number == nil {
			u, err = user.LookupId(name)
		}
	}
	if err != nil {
		return unstartedf("%w: there is no user %q here", ErrUser, name)
	}
	a.name, a.home = u.Username, u.HomeDir
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if _, number := strconv.ParseUint(group, 10, 32); number == nil {
				g, err = user.LookupGroupId(group)
			}
		}
		if err != nil {
			return unstartedf("%w: there is no group %q here", ErrUser, group)
		}
		gid = g.Gid
	}
	if a.uid, err = number(u.Uid); err != nil {
		return err
	}
	if a.gid, err = number(gid); err != nil {
		return err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return unstartedf("%w: groups of %q: %w", ErrUser, name, err)
	}
	for _, id := range ids {
		n, err := number(id)
		if err != nil {
			return err
		}
		a.groups = append(a.groups, n)
	}
	return nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, unstartedf("%w: %q is no number of a user or group", ErrUser, text)
	}
	return uint32(n), nil
}

// allowed says why the agent may not become the account, nil when it may. A
// program that could not be ended again is not started either: without a
// control group that takes CAP_KILL.
func (a *account) allowed(grouped bool) error {
	if !a.other {
		return nil
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return unstartedf("%w: read capabilities: %w", ErrUser, err)
	}
	return a.missing(data[0].Effective, grouped)
}

// missing names the first capability that is not in the effective set.
func (a *account) missing(effective uint32, grouped bool) error {
	for _, need := range []struct {
		bit  int
		name string
	}{{unix.CAP_SETUID, "CAP_SETUID"}, {unix.CAP_SETGID, "CAP_SETGID"}, {unix.CAP_KILL, "CAP_KILL"}} {
		if grouped && need.bit == unix.CAP_KILL {
			continue
		}
		if effective&(1<<need.bit) == 0 {
			return unstartedf("%w: to become %q the agent needs %s; see docs/operate.md", ErrUser, a.name, need.name)
		}
	}
	return nil
}

// credential is what the kernel is told; nil leaves everything as it is.
func (a *account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// ValidName says what is wrong with the name or number of a user or group. It
// does not look whether there is one here.
func ValidName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("it is a name or number of 1 to %d characters, such as \"nagios\"", maxName)
	case strings.ContainsAny(name, ":/,") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) || name[0] == '-':
		return fmt.Errorf("%q is no name of a user or group (passwd(5))", name)
	}
	return nil
}
