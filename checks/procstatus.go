package checks

import (
	"bytes"
	"errors"
)

// procStatus is what proc(5) says in /proc/PID/status.
type procStatus struct {
	uid, euid, gid, egid int64
	swap                 float64 // bytes, 0 of a kernel thread; NaN where the kernel does not say
}

// parseStatus finds the lines "Uid:" and "Gid:" of /proc/PID/status (real,
// effective, saved and file system number) and "VmSwap:". The kernel writes a
// newline in the name of a process as \n, so no line is forged.
func parseStatus(data []byte) (procStatus, error) {
	var s procStatus
	var uids, gids bool
	for line := range bytes.Lines(data) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(key) {
		case "Uid":
			s.uid, s.euid, uids = twoIntegers(rest)
		case "Gid":
			s.gid, s.egid, gids = twoIntegers(rest)
		case "VmRSS":
			s.swap = unknown() // Linux before 2.6.34 says nothing of swap space
		case "VmSwap":
			if kib, ok := firstInteger(rest); ok {
				s.swap = 1024 * float64(positive(kib))
			}
		}
	}
	if !uids || !gids {
		return procStatus{}, errors.New("no Uid and Gid in proc(5) status")
	}
	return s, nil
}

// firstInteger is the first number of a line.
func firstInteger(text []byte) (int64, bool) {
	for word := range bytes.FieldsSeq(text) {
		return integer(word)
	}
	return 0, false
}

// twoIntegers is the first two of at least two numbers.
func twoIntegers(text []byte) (first, second int64, ok bool) {
	words := bytes.Fields(text)
	if len(words) < 2 {
		return 0, 0, false
	}
	first, ok1 := integer(words[0])
	second, ok2 := integer(words[1])
	return first, second, ok1 && ok2
}

// errUnlimited is for a limit that is not there.
var errUnlimited = errors.New("unlimited")

// parseFDLimit finds the soft limit of open file descriptors in
// /proc/PID/limits. It returns errUnlimited when there is none.
func parseFDLimit(data []byte) (int64, error) {
	prefix := []byte("Max open files ")
	for line := range bytes.Lines(data) {
		rest, found := bytes.CutPrefix(line, prefix)
		if !found {
			continue
		}
		words := bytes.Fields(rest)
		if len(words) == 0 {
			break
		}
		if string(words[0]) == "unlimited" {
			return 0, errUnlimited
		}
		if n, ok := integer(words[0]); ok && n >= 0 {
			return n, nil
		}
	}
	return 0, errors.New("no limit of open files in proc(5) limits")
}
