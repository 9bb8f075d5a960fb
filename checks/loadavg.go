package checks

import (
	"bytes"
	"errors"
	"strconv"
)

// loadAverage is proc(5) loadavg.
type loadAverage struct {
	avg     [3]float64 // of 1, 5 and 15 minutes
	threads float64    // of all processes
}

// parseLoad reads /proc/loadavg:
//
//	0.20 0.18 0.12 1/80 11206
func parseLoad(data []byte) (loadAverage, error) {
	errFormat := errors.New("not in the format of proc(5) loadavg")
	var load loadAverage
	words := bytes.Fields(data)
	if len(words) < 4 {
		return load, errFormat
	}
	for i := range load.avg {
		f, err := strconv.ParseFloat(string(words[i]), 64)
		if err != nil || !(f >= 0 && f < 1e9) {
			return load, errFormat
		}
		load.avg[i] = f
	}
	_, all, _ := bytes.Cut(words[3], []byte("/"))
	n, ok := integer(all)
	if !ok || n < 0 {
		return load, errFormat
	}
	load.threads = float64(n)
	return load, nil
}

// parseFileNumbers reads /proc/sys/fs/file-nr: open files, which were once
// counted with those that the second number says are free, and the most that
// there can be.
func parseFileNumbers(data []byte) (open, most float64, err error) {
	words := bytes.Fields(data)
	if len(words) != 3 {
		return 0, 0, errors.New("not three numbers in proc(5) sys/fs/file-nr")
	}
	var n [3]int64
	for i, word := range words {
		var ok bool
		if n[i], ok = integer(word); !ok || n[i] < 0 {
			return 0, 0, errors.New("no numbers in proc(5) sys/fs/file-nr")
		}
	}
	return float64(max(0, n[0]-n[1])), float64(n[2]), nil
}
