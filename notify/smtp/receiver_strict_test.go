package smtp_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// TestReceiverIsStrict has what must not pass by the receiver of the fault
// tables, and what may.
func TestReceiverIsStrict(t *testing.T) {
	for name, tt := range map[string]struct {
		stream, message, wrong string
		rest                   string // after the final dot
	}{
		"good":                       {"a\r\n.\r\n", "a\r\n", "", ""},
		"empty":                      {".\r\n", "", "", ""},
		"a doubled dot":              {"..a\r\n..\r\n.\r\n", ".a\r\n.\r\n", "", ""},
		"a dot that is not doubled":  {".a\r\n.\r\n", "a\r\n", "not doubled", ""},
		"a dot too early":            {"a\r\n.\r\nb\r\n.\r\n", "a\r\n", "", "b\r\n.\r\n"},
		"a bare line feed":           {"a\nb\r\n.\r\n", "a\nb\r\n", "bare line feed", ""},
		"a dot after line feeds":     {"a\n.\nb\r\n.\r\n", "a\n\nb\r\n", "bare line feed", ""},
		"a bare carriage return":     {"a\rb\r\n.\r\n", "a\rb\r\n", "bare carriage return", ""},
		"a dot in carriage returns":  {"a\r.\r\r\n.\r\n", "a\r.\r\r\n", "bare carriage return", ""},
		"998 octets":                 {strings.Repeat("a", 998) + "\r\n.\r\n", strings.Repeat("a", 998) + "\r\n", "", ""},
		"998 octets, one of them .":  {".." + strings.Repeat("a", 997) + "\r\n.\r\n", "." + strings.Repeat("a", 997) + "\r\n", "", ""},
		"999 octets":                 {strings.Repeat("a", 999) + "\r\n.\r\n", strings.Repeat("a", 999) + "\r\n", "999 octets", ""},
		"8 bits":                     {"\xe4\r\n.\r\n", "\xe4\r\n", "0xe4", ""},
		"NUL":                        {"a\x00\r\n.\r\n", "a\x00\r\n", "0x00", ""},
		"no final dot":               {"a\r\n", "a\r\n", "", ""},
		"no line end before the dot": {"a.\r\n", "a.\r\n", "", ""},
	} {
		v := &receiver{}
		r := bufio.NewReader(strings.NewReader(tt.stream))
		err := v.take(r)
		rest, _ := io.ReadAll(r)
		if string(v.message) != tt.message || string(rest) != tt.rest || (err == nil) != v.finished {
			t.Errorf("%s: got %q, %v and the rest %q", name, v.message, err, rest)
		}
		if v.finished == strings.HasPrefix(name, "no ") {
			t.Errorf("%s: finished %v", name, v.finished)
		}
		got := strings.Join(v.wrong, "; ")
		if (got == "") != (tt.wrong == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got the faults %q, want %q", name, got, tt.wrong)
		}
	}
}
