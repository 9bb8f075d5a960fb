package smtp

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxLine is the longest line of a message without its CRLF (RFC 5321
// 4.5.3.1.6).
const maxLine = 998

// checkData says why a message is not fit for the wire as it is: line ends
// other than CRLF mean different things to different servers (SMTP
// smuggling, CVE-2023-52354), longer lines are cut by some, and what is not
// ASCII needs 8BITMIME.
func checkData(data []byte) error {
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		return fmt.Errorf("%w message: it does not end with CRLF", ErrMalformed)
	}
	start := 0
	for i, c := range data {
		switch {
		case c == '\n' && (i == 0 || data[i-1] != '\r'):
			return fmt.Errorf("%w message: a line feed without carriage return at byte %d", ErrMalformed, i)
		case c == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return fmt.Errorf("%w message: a carriage return without line feed at byte %d", ErrMalformed, i)
		case c == 0, c >= 0x80:
			return fmt.Errorf("%w message: the byte %#02x at %d is not ASCII text", ErrMalformed, c, i)
		case c == '\n':
			start = i + 1
		case c != '\r' && i-start >= maxLine:
			return fmt.Errorf("%w message: the line at byte %d is longer than %d", ErrMalformed, start, maxLine)
		}
	}
	return nil
}

// checkPath says why an address is not fit for MAIL and RCPT. It only looks at
// what could reach into the conversation; templates.Address is for people.
func checkPath(address string) error {
	const longest = 254 // RFC 5321 4.5.3.1.3, without the brackets
	if len(address) > longest || address != strings.Map(visibleASCII, address) || strings.ContainsAny(address, "<>") {
		return fmt.Errorf("%w address: %q", ErrMalformed, clip(address, longest))
	}
	return nil
}

// chunk is how much of a body is written under one deadline, so that a server
// that takes a byte a minute cannot hold a session for ever.
const chunk = 32 << 10

// paced gives each chunk its own time.
type paced struct {
	conn    net.Conn
	timeout time.Duration
}

// Write writes all of p; see io.Writer.
func (w paced) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return n, fmt.Errorf("set deadline: %w", err)
		}
		m, err := w.conn.Write(p[n:min(len(p), n+chunk)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeBody writes a message up to, but without, the final dot. A dot at the
// start of a line is doubled (RFC 5321 4.5.2).
func writeBody(w paced, data []byte) error {
	b := bufio.NewWriterSize(w, chunk)
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		if data[0] == '.' {
			_ = b.WriteByte('.') // bufio keeps the error for Flush
		}
		_, _ = b.Write(data[:end])
		data = data[end:]
	}
	return b.Flush()
}
