// Package pickup takes in the mail of other programs: what they hand to the
// sendmail command, and files that somebody puts into the drop directory. It
// makes each of them fit for an authenticated account and puts it into the
// spool. Its parts are pure but for Collector, which reads the directory.
package pickup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// DefaultDir is the drop directory of an installed agent.
const DefaultDir = "/var/spool/tocsin/pickup"

// The bounds of a message.
const (
	// DefaultMaxSize is the largest message in bytes that is taken. Several wait
	// in memory at once.
	DefaultMaxSize = 10 << 20
	// MostMaxSize is the most that it can be set to: made fit for the wire a
	// message has up to three times its bytes, and a file of the spool 64 MiB.
	MostMaxSize = 20 << 20
	// MaxRecipients is how many recipients one message may have.
	MaxRecipients = 1000
	// maxPreamble bounds the first line of a dropped file.
	maxPreamble = 1 << 20
)

// Drop is a message as the sendmail command hands it over. In the file that
// is its first line, "tocsin-drop 1 {JSON}", and the message follows byte for
// byte. A file without that line is the message alone.
type Drop struct {
	// From is the sender as -f says, Name as -F says; both may be empty. They
	// are what a program says of itself: who it is, the file's owner says.
	From string `json:"from,omitempty"`
	Name string `json:"name,omitempty"`
	// To holds the recipients, each a bare address or a local name. The header
	// of the message is not asked any more. It is never empty.
	To []string `json:"to"`
	// Message is the message as it came.
	Message []byte `json:"-"`
}

// preamble begins the first line of a file of the sendmail command. A header
// field cannot begin so, and a header field could be anybody's.
const preamble = "tocsin-drop 1 "

// ErrPreamble says that the first line of a dropped file is damaged.
var ErrPreamble = errors.New("damaged first line")

// Encode makes the file of a drop.
func (d Drop) Encode() ([]byte, error) {
	line, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode drop: %w", err)
	}
	if len(line) > maxPreamble-len(preamble) {
		return nil, fmt.Errorf("encode drop: recipients of more than %d bytes", maxPreamble)
	}
	file := make([]byte, 0, len(preamble)+len(line)+1+len(d.Message))
	file = append(append(append(file, preamble...), line...), '\n')
	return append(file, d.Message...), nil
}

// Decode is the inverse of Encode. A file without a preamble is a message
// alone: it has no recipients but those of its header, which Rewrite finds.
// The error wraps ErrPreamble; the drop holds the message all the same.
func Decode(file []byte) (Drop, error) {
	rest, ok := bytes.CutPrefix(file, []byte(preamble))
	if !ok {
		return Drop{Message: file}, nil
	}
	line, message, ok := bytes.Cut(rest, []byte{'\n'})
	d := Drop{Message: message}
	switch {
	case !ok || len(line) > maxPreamble:
		return Drop{Message: file}, fmt.Errorf("decode drop: %w: it has no end", ErrPreamble)
	case json.Unmarshal(line, &d) != nil:
		return Drop{Message: message}, fmt.Errorf("decode drop: %w: no JSON", ErrPreamble)
	case len(d.To) == 0 || len(d.To) > MaxRecipients:
		return Drop{Message: message}, fmt.Errorf("decode drop: %w: %d recipients, 1 to %d are taken", ErrPreamble, len(d.To), MaxRecipients)
	}
	return d, nil
}

// whole says whether a file was written in one step, as the sendmail command
// does; any other may still be growing.
func whole(file []byte) bool { return bytes.HasPrefix(file, []byte(preamble)) }
