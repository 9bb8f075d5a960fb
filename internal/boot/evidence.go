package boot

import (
	"cmp"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Scene is where Trace looks.
type Scene struct {
	Root string // of the file system, "/" in production
	// Since is when the life began whose end is looked into: older dumps are
	// of other boots. Zero: all dumps count.
	Since time.Time
	// Last are the last lines of the kernel that went down, Early the first
	// ones of the kernel that runs. A caller gives the last minutes only: an
	// error of last week is no cause.
	Last, Early []string
}

// The bounds of what Trace reads.
const (
	maxEntries  = 512      // of directories, in all
	maxDepth    = 4        // below /var/lib/systemd/pstore
	maxDumps    = 64       // the newest; a dump in EFI variables has many parts
	maxDump     = 64 << 10 // bytes, from the end of a file
	maxDogs     = 16
	cardReset   = 0x20 // WDIOF_CARDRESET of linux/watchdog.h
	overheat    = 0x01 // WDIOF_OVERHEAT
	powerFault  = 0x10 // WDIOF_POWERUNDER
	bootedEarly = "kernel log of this boot"
	bootedLast  = "kernel log of that boot"
)

// Trace looks for why the machine went down without being asked to: dumps of
// the kernel (pstore, as the kernel has it and as systemd-pstore(8) keeps it;
// kdump's logs in /var/crash), watchdogs that say that they reset the machine,
// and lines of the kernel. What cannot be read is passed over. The findings
// are sorted by how much they say.
func Trace(s Scene) []Finding {
	found := dumps(s.Root, s.Since)
	found = append(found, watchdogs(s.Root)...)
	found = append(found, kernelLines(s.Last, signs(), bootedLast)...)
	early := s.Early[:min(len(s.Early), maxLines)]
	found = append(found, resetLines(early, bootedEarly)...)
	found = append(found, kernelLines(early, earlySigns(), bootedEarly)...)
	return best(found)
}

// dump is a file that a crash may have left.
type dump struct {
	path, source string
	at           time.Time
}

// dumps looks through the newest dumps that are newer than since.
func dumps(root string, since time.Time) []Finding {
	w := walk{left: maxEntries, since: since}
	w.dir(filepath.Join(root, "sys/fs/pstore"), "pstore", 1, isPstore)
	w.dir(filepath.Join(root, "var/lib/systemd/pstore"), "pstore", maxDepth, isPstore)
	w.dir(filepath.Join(root, "var/crash"), "crash dump", 2, isKdump)
	slices.SortFunc(w.found, func(a, b dump) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.path, b.path))
	})
	var found, without []Finding
	for _, d := range w.found[:min(len(w.found), maxDumps)] {
		if data, err := tail(d.path); err == nil {
			found = append(found, kernelLines(strings.Split(string(data), "\n"), signs(), d.source)...)
			without = append(without, reasonOf(data, d.source)...)
		}
	}
	return append(found, without...)
}

func isPstore(name string, _ int) bool {
	return strings.HasPrefix(name, "dmesg") || strings.HasPrefix(name, "console-")
}

// isKdump says whether name is the log of a kernel that crashed: dmesg.DATE in
// Debian, vmcore-dmesg.txt in Fedora, in a directory for each crash. The log
// of the kernel that saved it, kexec-dmesg.log, is not.
func isKdump(name string, depth int) bool {
	return depth == 1 && (strings.HasPrefix(name, "dmesg") || strings.HasPrefix(name, "vmcore-dmesg"))
}

// walk gathers the dumps below directories.
type walk struct {
	left  int // entries that may still be read
	since time.Time
	found []dump
}

// dir looks at the entries of a directory, and of those in it down to depth,
// the directory itself counted. It follows no link.
func (w *walk) dir(name, source string, depth int, wanted func(name string, depth int) bool) {
	for _, entry := range w.entries(name) {
		full := filepath.Join(name, entry.Name())
		if entry.IsDir() && depth > 1 {
			w.dir(full, source, depth-1, wanted)
		}
		if !entry.Type().IsRegular() || !wanted(entry.Name(), depth) {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(w.since) {
			w.found = append(w.found, dump{full, source, info.ModTime()})
		}
	}
}

// entries are those of a directory, as many as may still be read.
func (w *walk) entries(name string) []os.DirEntry {
	if w.left <= 0 {
		return nil
	}
	d, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer d.Close()
	entries, err := d.ReadDir(w.left)
	if err != nil && len(entries) == 0 {
		return nil
	}
	w.left -= len(entries)
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

// tail reads the last bytes of a dump. Only files of root, and of the agent's
// own user, count: in some distributions anybody may write into /var/crash.
func tail(name string) ([]byte, error) {
	f, info, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return nil, os.ErrPermission
	}
	if info.Size() > maxDump {
		if _, err := f.Seek(info.Size()-maxDump, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, maxDump))
}

// reasonOf is why the part of a dump was made: pstore says so in a line before
// it, such as "Panic#1 Part3". The words that explain it may be in another
// part, or in none that was kept.
func reasonOf(data []byte, source string) []Finding {
	switch text := string(data[:min(len(data), maxShort)]); {
	case strings.HasPrefix(text, "Panic#"):
		return []Finding{{"kernel panic", "a dump of a kernel panic", source, rankPanic}}
	case strings.HasPrefix(text, "Oops#"):
		return []Finding{{"kernel crash", "a dump of a kernel oops", source, rankOops}}
	default:
		return nil
	}
}

// watchdogs asks the watchdogs whether they reset the machine (Linux
// watchdog-api, ABI/testing/sysfs-class-watchdog).
func watchdogs(root string) []Finding {
	dir := filepath.Join(root, "sys/class/watchdog")
	w := walk{left: maxDogs}
	var found []Finding
	for _, entry := range w.entries(dir) {
		name := entry.Name()
		text, err := readFile(filepath.Join(dir, name, "bootstatus"), maxBootID)
		if err != nil {
			continue
		}
		status, err := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 32)
		if err != nil {
			continue
		}
		source := printable(path.Base(name), maxShort)
		switch {
		case status&cardReset != 0:
			found = append(found, Finding{"watchdog reset", "the watchdog reset the machine", source, rankWatchdog})
		case status&overheat != 0:
			found = append(found, Finding{"overheating", "the watchdog saw the processor overheat", source, rankHeat})
		case status&powerFault != 0:
			found = append(found, Finding{"power fault", "the watchdog saw the power fail", source, rankReset})
		}
	}
	return found
}
