// Package boot says what became of the last boot of the machine and of the
// last run of the agent. It reads what they left behind (a record of the
// agent, a mark of a unit that outlives the agent, the journal, crash dumps),
// judges it, and makes the events that a person reads.
//
// Nothing here trusts what was not made durable: measured with a simulated
// power cut, wtmp and the journal had lost the whole boot that was cut and
// called the one before it clean.
package boot

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Key names a boot: the kernel's boot id, a dash, and when PID 1 started, in
// ticks since the kernel's boot. The zero value is none.
//
// The boot id alone lies: in a container it may be the host's, and measured
// under systemd-nspawn it is the host's as soon as a unit has
// ProtectKernelTunables=, so that a container that was rebooted had the same.
// The start of PID 1 tells them apart; it survives a systemctl daemon-reexec.
type Key string

// SameStart says whether two keys have the same start of PID 1. In a container
// that makes them the same boot: the ticks are the host's.
func (k Key) SameStart(other Key) bool {
	a, b := strings.LastIndexByte(string(k), '-'), strings.LastIndexByte(string(other), '-')
	return a >= 0 && b >= 0 && k[a:] == other[b:]
}

// ErrKey says that a file of proc(5) is not in the format that it should have.
var ErrKey = errors.New("not in the format of proc(5)")

// The bounds of the two files, far above what a kernel writes.
const (
	maxBootID = 128
	maxStat   = 4 << 10
)

// ReadKey reads the key of the running boot below proc, "/proc" in production.
// bootID is the kernel's boot id as 32 hex digits in lower case, which is how
// the journal has it in _BOOT_ID (systemd.journal-fields(7)). An error wraps
// ErrKey or is that of the file.
func ReadKey(proc string) (key Key, bootID string, err error) {
	id, err := readFile(filepath.Join(proc, "sys/kernel/random/boot_id"), maxBootID)
	if err != nil {
		return "", "", err
	}
	stat, err := readFile(filepath.Join(proc, "1/stat"), maxStat)
	if err != nil {
		return "", "", err
	}
	return parseKey(id, stat)
}

// parseKey makes the key of the texts of the two files.
func parseKey(id, stat []byte) (key Key, bootID string, err error) {
	bootID, err = parseBootID(id)
	if err != nil {
		return "", "", err
	}
	start, err := parseStart(stat)
	if err != nil {
		return "", "", err
	}
	return Key(bootID + "-" + strconv.FormatUint(start, 10)), bootID, nil
}

// parseBootID reads /proc/sys/kernel/random/boot_id (random(4)): a UUID.
func parseBootID(text []byte) (string, error) {
	id := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("parse boot id %q: %w", text, ErrKey)
	}
	return id, nil
}

// parseStart finds the start time in /proc/PID/stat, field 22 of proc(5). The
// name in field 2 may hold anything, so it ends at the last parenthesis.
func parseStart(stat []byte) (uint64, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const at = 22 - 3 // the first one after the name is number 3
	if len(fields) <= at || !bytes.ContainsRune(stat, ')') {
		return 0, fmt.Errorf("parse stat of PID 1: %w: %d fields", ErrKey, len(fields))
	}
	start, err := strconv.ParseUint(string(fields[at]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse stat of PID 1: %w: %w", ErrKey, err)
	}
	return start, nil
}
