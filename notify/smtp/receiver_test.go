package smtp_test

import (
	"bufio"
	"bytes"
	"fmt"
)

// receiver takes a message off the wire as the strictest server would
// (RFC 5321 2.3.8, 4.5.2, 4.5.3.1.6). Lenient servers differ in what ends a
// line or a message; what passes here means the same to all of them.
type receiver struct {
	want     string // the message that was given
	message  []byte // the one that came, without the dots that were doubled
	finished bool   // the final dot came
	wrong    []string
}

// take reads up to the final dot. Without one it returns the reader's error,
// and message is what came until then.
func (v *receiver) take(r *bufio.Reader) error {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			v.check(bytes.TrimSuffix(line, []byte("\r")), false)
			v.message = append(v.message, unstuffed(line)...)
			return err
		}
		text, whole := bytes.CutSuffix(line, []byte("\r\n"))
		if !whole {
			v.wrong = append(v.wrong, fmt.Sprintf("a bare line feed in %.80q", line))
		}
		if whole && string(text) == "." {
			v.finished = true
			return nil
		}
		v.check(text, true)
		v.message = append(v.message, unstuffed(line)...)
	}
}

func (v *receiver) check(text []byte, whole bool) {
	const longest = 998
	if bytes.ContainsAny(text, "\r\n") {
		v.wrong = append(v.wrong, fmt.Sprintf("a bare carriage return in %.80q", text))
	}
	if whole && bytes.HasPrefix(text, []byte(".")) && !bytes.HasPrefix(text, []byte("..")) {
		v.wrong = append(v.wrong, fmt.Sprintf("a dot that is not doubled in %.80q", text))
	}
	if n := len(unstuffed(text)); n > longest {
		v.wrong = append(v.wrong, fmt.Sprintf("a line of %d octets", n))
	}
	for _, c := range text {
		if c == 0 || c >= 0x80 {
			v.wrong = append(v.wrong, fmt.Sprintf("the octet %#02x in %.80q", c, text))
			return
		}
	}
}

func unstuffed(line []byte) []byte { return bytes.TrimPrefix(line, []byte(".")) }
