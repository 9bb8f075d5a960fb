package smtp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"

	"tocsin/notify/smtp"
)

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"250 ok\r\n", "250\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 <a@b>: no\r\n", "550-5.7.1 a\r\n550 5.7.1 b\r\n",
		"250 \xff\xfe\r\n", "99 x\r\n", "250_x\r\n", "-25 x\r\n", "250 ok\n", "\x15\x03\x01", "", "250 \x1b[31m\u202e\r\n", "250-\r\n",
	} {
		f.Add([]byte(seed))
	}
	// The last byte takes four in print, where there is room for three.
	for room := range 8 {
		f.Add([]byte("250 " + strings.Repeat("x", 1<<10-room) + "\xee\r\n"))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		reply, lines, err := smtp.ReadReply(stream)
		if err != nil {
			if errors.Is(err, smtp.ErrProtocol) && !printable(err.Error()) {
				t.Errorf("the error %q is not safe", err)
			}
			return
		}
		if reply.Code < 200 || reply.Code > 599 || lines < 1 || lines > 512 {
			t.Errorf("got code %d in %d lines", reply.Code, lines)
		}
		if len(reply.Text) > 1<<10 || !printable(reply.Text) || !printable(reply.Enhanced) {
			t.Errorf("the reply %q is not safe", reply)
		}
		if !bytes.Contains(stream, []byte("\r\n")) {
			t.Errorf("%q has no line end and is a reply", stream)
		}
		smtp.Classify(smtp.PhaseDot, reply, "")
	})
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) && strings.ToValidUTF8(s, "?") == s
}

// FuzzData sends whatever is accepted to a strict receiver, and counts how
// many messages lenient ones would see.
func FuzzData(f *testing.F) {
	for _, seed := range []string{
		"a\r\n", ".\r\n", "..\r\n", "a\r\n.\r\nb\r\n", ".a\r\n.b\r\n", "\r\n", "\r\n.\r\n", "a\r.\r\n", "\n.\n", "a\n.\r\n", "a\r\n.\n",
		"MAIL FROM:<x>\r\n.\r\nRCPT TO:<y>\r\n", strings.Repeat("x", 998) + "\r\n", strings.Repeat(".", 998) + "\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		wire, err := smtp.Stuff(data)
		if err != nil {
			if !errors.Is(err, smtp.ErrMalformed) || len(wire) > 0 {
				t.Errorf("%q: got %v and %d bytes, want ErrMalformed and none", data, err, len(wire))
			}
			return
		}
		wire = append(wire, ".\r\n"...)
		got, rest := receive(t, wire)
		if !bytes.Equal(got, data) || len(rest) > 0 {
			t.Errorf("received %q and %q, want %q and nothing", got, rest, data)
		}
		for _, end := range []string{"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"} {
			where := bytes.Index(append([]byte("\r\n"), wire...), []byte(end))
			if where >= 0 && where+len(end) < len(wire) {
				t.Errorf("a receiver that ends at %q sees a second message in %q", end, wire)
			}
		}
	})
}

// receive is RFC 5321 4.5.2 to the letter.
func receive(t *testing.T, wire []byte) (data, rest []byte) {
	t.Helper()
	for {
		line, after, ok := bytes.Cut(wire, []byte("\r\n"))
		if !ok || bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("%q has a line end that is not CRLF, or no end", wire)
		}
		wire = after
		if string(line) == "." {
			return data, wire
		}
		data = append(append(data, bytes.TrimPrefix(line, []byte("."))...), "\r\n"...)
	}
}
