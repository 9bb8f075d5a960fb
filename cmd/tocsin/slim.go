package main

import (
	"bufio"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// gcPercent trades a little CPU for memory: an agent that idles most of the
// time is judged by its resident set. Against 50 it saves 4 of 28 MiB with a
// thousand checks, and a hundred of them take as much CPU as before.
const gcPercent = 25

// slimAfter is when the first readings are over, which need more than the others.
const slimAfter = 5 * time.Second

// startRoom is how much a start may allocate before garbage is collected: with
// a heap of a few MiB that would be done ten times over for 100 checks, and take
// a third of the time.
const startRoom = 16 << 20

// headroom puts the first collection of garbage off until release is called, or
// the room is used up: then the rule file is a large one, and what stays of it
// must not be spread over its garbage. It takes addresses, no memory: nobody
// writes to it.
func headroom() (release func()) {
	room := make([]byte, startRoom)
	var kept atomic.Pointer[[]byte]
	kept.Store(&room)
	release = func() {
		kept.Store(nil)
		collectOften()
	}
	runtime.GC() // so that the next one is when the room is used up
	runtime.AddCleanup(&full{}, func(release func()) { release() }, release)
	return release
}

// full is what the first collection finds.
type full struct{ _ *byte }

// collectOften sets gcPercent. GOGC in the environment wins.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// slim gives back what the start needed: memory, and the pages of the program
// itself, of which an agent that only watches uses half. Those stay in the page
// cache and come back one fault at a time.
func slim() {
	giveBack()
	time.AfterFunc(slimAfter, giveBack)
}

func giveBack() {
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // without proc(5) they just stay
	}
	defer f.Close()
	for _, m := range untouched(f) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// untouched lists the mappings of proc(5) smaps that are as their file is:
// nobody may write to them, and no page of them was changed before that, as
// relocations are. Only those can be read from the file again.
func untouched(smaps io.Reader) []mapping {
	var all []mapping
	var now mapping
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && strings.Contains(fields[0], "-") {
			now = fileMapping(fields)
			continue
		}
		if len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] == "0" && now.to > now.from {
			all = append(all, now)
		}
	}
	return all
}

// fileMapping is the mapping that a first line of smaps describes, empty when it
// is of no file or may be written to.
func fileMapping(fields []string) mapping {
	if len(fields) < 6 || !strings.HasPrefix(fields[5], "/") || strings.Contains(fields[1], "w") {
		return mapping{}
	}
	from, to, _ := strings.Cut(fields[0], "-")
	first, err1 := strconv.ParseUint(from, 16, 64)
	last, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil {
		return mapping{}
	}
	return mapping{uintptr(first), uintptr(last)}
}
