package checks

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// tick is the unit of processor and start times in proc(5). It is part
	// of the kernel's interface: USER_HZ is 100 wherever Go runs.
	tick = 10 * time.Millisecond
	// maxComm is as much as the kernel writes; only kernel threads have more
	// than 15 bytes.
	maxComm = 64
	// kernelThread is PF_KTHREAD of the kernel's sched.h.
	kernelThread = 0x00200000
)

// identity tells processes apart: the kernel uses process numbers again, but
// not together with a start time.
type identity struct {
	pid   int32
	start uint64 // in ticks since boot
}

// procStat is what proc(5) says in /proc/PID/stat.
type procStat struct {
	identity
	parent  int32
	state   byte
	flags   uint64
	threads int64
	ticks   uint64 // of processor time, user and system
	reaped  uint64 // the same of children that ended and were waited for
	virtual uint64 // bytes
	pages   uint64 // resident
	signal  int64  // sent to the parent at the end, -1 for a thread that is no process
	comm    []byte // points into what was parsed
}

// errStat is for text that is not in the format of /proc/PID/stat.
var errStat = errors.New("not in the format of proc(5) stat")

// parseStat reads /proc/PID/stat. The name in it may hold blanks, newlines and
// parentheses, so it ends at the last parenthesis.
func parseStat(data []byte) (procStat, error) {
	var s procStat
	opening, closing := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if opening < 2 || closing < opening || data[opening-1] != ' ' {
		return procStat{}, errStat
	}
	pid, ok := integer(data[:opening-1])
	if !ok || pid < 1 || pid > math.MaxInt32 {
		return procStat{}, errStat
	}
	s.pid = int32(pid)
	s.comm = data[opening+1 : closing]
	s.comm = s.comm[:min(len(s.comm), maxComm)]
	s.signal = 17 // SIGCHLD, for a text that ends before it
	rest := bytes.TrimRight(data[closing+1:], "\n")
	field := 2
	for len(rest) > 0 && field < 38 {
		var word []byte
		rest = rest[1:] // the blank; the parenthesis stood before the first
		if end := bytes.IndexByte(rest, ' '); end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			word, rest = rest, nil
		}
		field++
		if !s.set(field, word) {
			return procStat{}, fmt.Errorf("%w: field %d", errStat, field)
		}
	}
	if field < 24 {
		return procStat{}, fmt.Errorf("%w: %d fields", errStat, field)
	}
	return s, nil
}

// set sets what field number field of proc(5) stat says.
func (s *procStat) set(field int, word []byte) bool {
	if field == 3 {
		if len(word) == 1 {
			s.state = word[0]
		}
		return len(word) == 1
	}
	switch field {
	case 4, 9, 14, 15, 16, 17, 20, 22, 23, 24, 38:
	default:
		return true
	}
	n, ok := integer(word)
	switch field {
	case 4:
		s.parent = int32(n) //nolint:gosec // Checked below.
		return ok && n >= 0 && n <= math.MaxInt32
	case 9:
		s.flags = positive(n)
	case 14, 15:
		s.ticks += positive(n)
	case 16, 17:
		s.reaped += positive(n)
	case 20:
		s.threads = n
	case 22:
		s.start = positive(n)
	case 23:
		s.virtual = positive(n)
	case 24:
		s.pages = positive(n)
	case 38:
		s.signal = n
	}
	return ok
}

// positive is n, or 0 where the kernel was caught between two updates.
func positive(n int64) uint64 {
	if n < 0 {
		return 0
	}
	return uint64(n)
}

// integer is a decimal number, perhaps negative. A number beyond int64 is
// false, but one beyond it and within uint64 is math.MaxInt64: proc(5) has
// such limits as 18446744073709551615, which mean none.
func integer(word []byte) (int64, bool) {
	negative := len(word) > 0 && word[0] == '-'
	if negative {
		word = word[1:]
	}
	if len(word) == 0 || len(word) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > math.MaxUint64/10 {
			n = math.MaxUint64
			continue
		}
		n = 10*n + min(uint64(c-'0'), math.MaxUint64-10*n)
	}
	n = min(n, math.MaxInt64)
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}

// alive says whether this is a process that still runs. A zombie has ended and
// waits for its parent; but a process of several threads whose first one has
// ended looks the same, so the others count. A thread can be opened in /proc
// under its own number, which an old pidfile may hold.
func (s *procStat) alive() bool {
	return !s.zombie() && s.state != 'X' && s.state != 'x' && s.signal >= 0
}

// zombie says whether the process has ended and waits for its parent.
func (s *procStat) zombie() bool { return s.state == 'Z' && s.threads <= 1 }

// stateName is the word of proc(5) status for a state.
func stateName(state byte) string {
	switch state {
	case 'R':
		return "running"
	case 'S':
		return "sleeping"
	case 'D':
		return "disk sleep"
	case 'T':
		return "stopped"
	case 't':
		return "tracing stop"
	case 'Z':
		return "zombie"
	case 'X', 'x':
		return "dead"
	case 'I':
		return "idle"
	case 'P':
		return "parked"
	default:
		return "unknown"
	}
}
