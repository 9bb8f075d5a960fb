package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a reply. RFC 5321 4.5.3.1.5 asks for 512 octets a line; what
// is far beyond is a fault or an attack.
const (
	maxReply = 64 << 10
	maxLines = 512
	maxText  = 1 << 10
)

// Reply is what a server answered (RFC 5321 4.2, RFC 3463). The zero Reply is
// none at all.
type Reply struct {
	Code int `json:"code"`
	// Enhanced is the enhanced status code, such as "5.1.1"; may be empty.
	Enhanced string `json:"enhanced,omitempty"`
	// Text is on one line, printable and at most 1 KiB.
	Text string `json:"text,omitempty"`
}

// String is the reply on one line: "550 5.1.1 no such user".
func (r Reply) String() string {
	parts := []string{strconv.Itoa(r.Code), r.Enhanced, r.Text}
	if r.Enhanced == "" {
		parts = []string{parts[0], r.Text}
	}
	return strings.TrimSuffix(strings.Join(parts, " "), " ")
}

// response is a reply as it came: the texts of its lines are not safe.
type response struct {
	code  int
	lines []string
}

// readResponse reads one reply. It holds no more than maxReply octets, and
// every error but the reader's own wraps ErrProtocol.
func readResponse(r *bufio.Reader) (response, error) {
	// A TLS record has no line end to wait for.
	if first, err := r.Peek(1); err == nil && (first[0] == recordAlert || first[0] == recordHandshake) {
		return response{}, errTLSBytes
	}
	var resp response
	for left := maxReply; ; {
		line, err := readLine(r, left)
		if err != nil {
			if errors.Is(err, io.EOF) && len(resp.lines) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return response{}, err
		}
		left -= len(line) + 2
		code, text, last, err := parseLine(line)
		switch {
		case err != nil:
			return response{}, err
		case len(resp.lines) > 0 && code != resp.code:
			return response{}, fmt.Errorf("%w: the lines of a reply have the codes %d and %d", ErrProtocol, resp.code, code)
		case len(resp.lines) == maxLines:
			return response{}, fmt.Errorf("%w: the reply has more than %d lines", ErrProtocol, maxLines)
		}
		resp.code = code
		resp.lines = append(resp.lines, text)
		if last {
			return resp, nil
		}
	}
}

// The types of TLS records that a server may begin with (RFC 8446 5.1).
const (
	recordAlert     = 0x15
	recordHandshake = 0x16
)

var errTLSBytes = fmt.Errorf("%w: the server speaks TLS where SMTP was expected", ErrProtocol)

// readLine reads a line of at most limit octets and returns it without CRLF.
func readLine(r *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return "", fmt.Errorf("%w: the reply is longer than %d bytes", ErrProtocol, maxReply)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		break
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return "", &badLine{text, "ends without a carriage return"}
	}
	return text, nil
}

// badLine is a line of a server that breaks the protocol. It may repeat a
// secret, which is taken out before anybody sees the error.
type badLine struct{ line, why string }

func (e *badLine) Error() string {
	return fmt.Sprintf("%v: %q %s", ErrProtocol, clip(e.line, 80), e.why)
}

func (e *badLine) Unwrap() error { return ErrProtocol }

// parseLine takes "250-text" apart. A code alone is a last line.
func parseLine(line string) (code int, text string, last bool, err error) {
	if len(line) >= 3 {
		code, err = strconv.Atoi(line[:3])
	}
	if len(line) < 3 || err != nil || code < 200 || code > 599 ||
		(len(line) > 3 && line[3] != ' ' && line[3] != '-') {
		return 0, "", false, &badLine{line, "is no reply"}
	}
	if len(line) == 3 {
		return code, "", true, nil
	}
	return code, line[4:], line[3] == ' ', nil
}

// reply makes the safe form. Hide has the secrets taken out of each line.
func (r response) reply(hide func(string) string) Reply {
	reply := Reply{Code: r.code}
	texts := make([]string, 0, len(r.lines))
	for _, line := range r.lines {
		if enhanced, rest, ok := cutEnhanced(r.code, line); ok {
			if reply.Enhanced == "" {
				reply.Enhanced = enhanced
			}
			line = rest
		}
		if line = strings.TrimSpace(line); line != "" {
			texts = append(texts, hide(line))
		}
	}
	reply.Text = safe(strings.Join(texts, " "), maxText)
	return reply
}

// cutEnhanced cuts an enhanced status code (RFC 2034 4) off the start of a
// line. Its class must be that of the reply.
func cutEnhanced(code int, line string) (enhanced, rest string, ok bool) {
	enhanced, rest, _ = strings.Cut(line, " ")
	parts := strings.Split(enhanced, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return "", "", false
	}
	for _, part := range parts[1:] {
		if part == "" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
			return "", "", false
		}
	}
	return enhanced, rest, true
}

// clip shortens a text that is printed with %q, which makes it safe.
func clip(text string, limit int) string { return text[:min(len(text), limit)] }

// safe makes a text from the network printable, on one line, and at most limit
// bytes long.
func safe(text string, limit int) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[i:])
		var next string
		switch {
		case r == utf8.RuneError && size == 1:
			next = fmt.Sprintf(`\x%02x`, text[i])
		case unicode.IsPrint(r):
			next = string(r)
		case r == '\t':
			next = " "
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			next = quoted[1 : len(quoted)-1]
		}
		room := limit - b.Len()
		if i+size < len(text) { // something follows, so the mark must fit too
			room -= len("…")
		}
		if len(next) > room {
			return b.String() + "…"
		}
		b.WriteString(next)
	}
	return b.String()
}
