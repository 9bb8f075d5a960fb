package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Host is a machine, by its files.
type Host struct {
	// Root is before every path: "" for this machine.
	Root string
	// Own is the process id of whoever looks.
	Own int
}

// The bounds of what is read of the host.
const (
	maxFile      = 1 << 20
	maxProcesses = 100_000
)

func (h Host) read(path string) (string, error) {
	f, err := os.Open(filepath.Join("/", h.Root, path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	buffer := make([]byte, maxFile)
	n, err := f.Read(buffer)
	if n == 0 && err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}

// Clock says whether the clock on the wall is kept right (adjtimex(2)).
func Clock(now time.Time) Finding {
	const about = "clock"
	const fix = "keep it right: systemctl enable --now systemd-timesyncd (or chrony)"
	if now.Year() < 2025 { // older than this program
		return wrong(about, fix, "it shows %s: no certificate is valid then", now.Format(time.DateOnly))
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return doubtful(about, "", "the kernel does not say whether it is kept right: %v", err)
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return doubtful(about, fix, "nothing keeps it right, as far as the kernel knows")
	default:
		return fine(about, "kept right, %s", now.Format(time.DateTime))
	}
}

// The least room of a state directory: a few thousand mails.
const (
	leastFree   = 64 << 20
	leastInodes = 1000
)

// StateDir says whether a directory is there, whose it is, and has room.
func StateDir(dir string) []Finding {
	const about = "state directory"
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{doubtful(about, "start the agent once, it makes it", "%s is not there", dir)}
	case err != nil:
		return []Finding{wrong(about, "let the agent's user into it", "%v", err)}
	case !info.IsDir():
		return []Finding{wrong(about, "move it away", "%s is no directory", dir)}
	}
	var found []Finding
	if info.Mode().Perm()&0o022 != 0 {
		found = append(found, wrong(about, "chmod go-w "+dir, "%s can be written by others (mode %#o)", dir, info.Mode().Perm()))
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return append(found, doubtful(about, "", "nobody knows how much room it has: %v", err))
	}
	free := s.Bavail * uint64(s.Bsize) //nolint:gosec // a block size is never negative
	switch {
	case s.Flags&unix.ST_RDONLY != 0:
		found = append(found, wrong(about, "mount it for writing", "%s is on a read-only file system", dir))
	case free < leastFree:
		found = append(found, wrong(about, "make room, or set state_dir", "%s has %d MiB left: alerts will go from memory alone", dir, free>>20))
	case s.Files > 0 && s.Ffree < leastInodes:
		found = append(found, wrong(about, "remove files of its file system", "%s has %d inodes left", dir, s.Ffree))
	}
	if len(found) == 0 {
		found = append(found, fine(about, "%s, %d MiB left", dir, free>>20))
	}
	return found
}

// Inotify says whether the kernel lets so many paths be watched (inotify(7)).
func (h Host) Inotify(paths int) Finding {
	const about = "inotify"
	if paths == 0 {
		return fine(about, "no check watches a path")
	}
	for _, limit := range []struct {
		name string
		need int
	}{{"max_user_instances", 8}, {"max_user_watches", 2*paths + 1000}} {
		text, err := h.read("/proc/sys/fs/inotify/" + limit.name)
		have, bad := strconv.Atoi(strings.TrimSpace(text))
		switch {
		case err != nil || bad != nil:
			return doubtful(about, "", "nobody knows its limits: fs.inotify.%s cannot be read", limit.name)
		case have < limit.need:
			return doubtful(about, fmt.Sprintf("sysctl -w fs.inotify.%s=%d, and in /etc/sysctl.d for good", limit.name, limit.need),
				"fs.inotify.%s is %d: changes of files may be noticed at the next interval only", limit.name, have)
		}
	}
	return fine(about, "room for %d (as many paths as are watched)", paths)
}

// BootMark says whether a crash can be told from a reboot.
func (h Host) BootMark(path string) Finding {
	const about = "boots"
	if _, err := os.Stat(filepath.Join("/", h.Root, "/run/systemd/system")); err != nil {
		return doubtful(about, "", "systemd does not run here: shutdowns and crashes are told by their traces alone")
	}
	if _, err := os.Stat(filepath.Join("/", h.Root, path)); err != nil {
		return doubtful(about, "systemctl enable --now tocsin-bootmark", "there is no mark of this boot, so that a crash looks like a reboot")
	}
	return fine(about, "this boot is marked")
}

// Processes says what else runs that may be in the way: Monit, which acts on
// the same services, a second agent, and a /proc that hides processes.
func (h Host) Processes() []Finding {
	const about = "other programs"
	var found []Finding
	if mounts, err := h.read("/proc/self/mounts"); err == nil {
		for line := range strings.Lines(mounts) {
			fields := strings.Fields(line)
			if len(fields) > 3 && fields[1] == "/proc" && strings.Contains(fields[3], "hidepid=") && !strings.Contains(fields[3], "hidepid=0") && !strings.Contains(fields[3], "hidepid=off") {
				found = append(found, doubtful("/proc", "remount it with gid= of the agent's group, or without hidepid", "it is mounted with hidepid: the agent may not see the processes of others"))
			}
		}
	}
	agents := 0
	for _, p := range h.processes() {
		switch {
		case p.name == "monit":
			found = append(found, doubtful(about, "let one of the two act: stop Monit, or leave \"do\" out", "Monit runs (process %d): what both restart is restarted twice", p.pid))
		case p.name == "tocsin" && len(p.args) > 1 && p.runs():
			agents++
		}
	}
	if agents > 1 {
		found = append(found, doubtful(about, "stop all but one, or give each a state_dir of its own on purpose", "%d agents run", agents))
	}
	if len(found) == 0 {
		found = append(found, fine(about, "nothing in the way"))
	}
	return found
}

// process is one of the machine.
type process struct {
	pid  int
	name string
	args []string
}

// runs says whether it is the agent, and not a command.
func (p process) runs() bool {
	return slices.Contains(p.args[1:], "run")
}

// processes are those of the machine, without whoever looks.
func (h Host) processes() []process {
	dir, err := os.Open(filepath.Join("/", h.Root, "/proc"))
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(maxProcesses) // what cannot be read is not there
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == h.Own {
			continue
		}
		comm, err := h.read("/proc/" + name + "/comm")
		if err != nil {
			continue
		}
		p := process{pid: pid, name: strings.TrimSpace(comm)}
		if p.name == "tocsin" {
			line, _ := h.read("/proc/" + name + "/cmdline")
			p.args = strings.Split(strings.TrimRight(line, "\x00"), "\x00")
		}
		all = append(all, p)
	}
	return all
}
