package checks

import (
	"fmt"
	"strconv"
)

// The bounds of a program's limits: a shell needs a megabyte, and pid_max is at
// most 4194304 (proc_sys_kernel(5)).
const (
	leastMemory   = 1 << 20
	mostMemory    = 1 << 50
	mostProcesses = 4194304
)

// memoryLimit reads the attribute "memory" in bytes; 0 is not set.
func memoryLimit(text string) (int64, error) {
	n, err := wholeNumber(text, leastMemory, mostMemory)
	if err != nil {
		return 0, fmt.Errorf("memory %w of bytes from 1 * MiB on, such as 64 * MiB", err)
	}
	return n, nil
}

// parseProcesses reads the attribute "processes"; 0 is not set.
func parseProcesses(text string) (int64, error) {
	n, err := wholeNumber(text, 1, mostProcesses)
	if err != nil {
		return 0, fmt.Errorf("processes %w from 1 to %d", err, mostProcesses)
	}
	return n, nil
}

func wholeNumber(text string, least, most int64) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("is %q: it must be a whole number", text)
	}
	return n, nil
}

func validMemory(text string) error {
	_, err := memoryLimit(orZero(text))
	return err
}

func validProcesses(text string) error {
	_, err := parseProcesses(orZero(text))
	return err
}

// orZero makes an empty text one that is not allowed.
func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}
