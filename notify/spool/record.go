package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"tocsin/internal/durable"
)

// maxRecord bounds what is read from one spool file.
const maxRecord = 64 << 20

// recordVersion is the version of the spool files that are written and read.
const recordVersion = 1

// ErrDamaged says that a spool file is torn or not what it should be.
var ErrDamaged = errors.New("damaged spool file")

// encode makes a spool file: a first line "tocsin 1 KIND SIZE SHA256", then
// SIZE bytes: one line of JSON and a body. 1 is the version. The size and the sum play the part
// of Postfix's end record: a torn file is recognized.
func encode(kind string, header any, body []byte) ([]byte, error) {
	line, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	content := make([]byte, 0, len(line)+1+len(body))
	content = append(append(append(content, line...), '\n'), body...)
	sum := sha256.Sum256(content)
	first := fmt.Sprintf("tocsin %d %s %d %s\n", recordVersion, kind, len(content), hex.EncodeToString(sum[:]))
	return append([]byte(first), content...), nil
}

// decode is the inverse of encode. The body is a part of data. A file of a later
// version is a durable.ErrNewer: its first line begins with "tocsin VERSION" like all, and its
// sum is over the version, too, so that a digit that was damaged is none.
func decode(kind string, data []byte, header any) ([]byte, error) {
	first, content, ok := bytes.Cut(data, []byte{'\n'})
	fields := bytes.Fields(first)
	sum := sha256.Sum256(content)
	same := len(fields) == 5 && string(fields[4]) == hex.EncodeToString(sum[:])
	if ok && len(fields) > 1 && string(fields[0]) == "tocsin" && !same {
		if v, err := strconv.ParseUint(string(fields[1]), 10, 31); err == nil && v > recordVersion {
			return nil, durable.Newer(int(v), recordVersion)
		}
	}
	if !ok || len(fields) != 5 || string(fields[0]) != "tocsin" {
		return nil, fmt.Errorf("%w: no first line", ErrDamaged)
	}
	if string(fields[1]) != strconv.Itoa(recordVersion) || string(fields[2]) != kind {
		return nil, fmt.Errorf("%w: version %q of %q, want \"%d\" of %q", ErrDamaged, fields[1], fields[2], recordVersion, kind)
	}
	if size, err := strconv.Atoi(string(fields[3])); err != nil || size != len(content) {
		return nil, fmt.Errorf("%w: %d bytes, the first line says %q", ErrDamaged, len(content), fields[3])
	}
	if !same {
		return nil, fmt.Errorf("%w: SHA-256 differs", ErrDamaged)
	}
	line, body, ok := bytes.Cut(content, []byte{'\n'})
	if !ok {
		return nil, fmt.Errorf("%w: no header line", ErrDamaged)
	}
	if err := json.Unmarshal(line, header); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return body, nil
}

// readFile reads a spool file: a regular one, without following a link and
// without waiting for a writer of a FIFO.
func readFile(path string) ([]byte, error) {
	data, err := durable.ReadFile(path, maxRecord)
	if errors.Is(err, durable.ErrForeign) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, err
}
