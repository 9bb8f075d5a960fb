package boot_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/boot"
)

// checkText holds what every description promises.
func checkText(t *testing.T, text string) {
	t.Helper()
	bad := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, bad) || len(text) > 16<<10 {
		t.Errorf("not fit for a mail, %d bytes: %q", len(text), text)
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Hour, "0s"},
		{0, "0s"},
		{999 * time.Millisecond, "0s"},
		{45 * time.Second, "45s"},
		{time.Minute, "1m"},
		{12*time.Minute + 3*time.Second, "12m3s"},
		{time.Hour + 5*time.Minute + 59*time.Second, "1h5m"},
		{23*time.Hour + 59*time.Minute, "23h59m"},
		{24*time.Hour + 59*time.Minute, "1d"},
		{52 * time.Hour, "2d4h"},
	} {
		if got := boot.Span(c.d); got != c.want {
			t.Errorf("%v: got %q, want %q", c.d, got, c.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2Jörtlich\n\u202e\xff\ufffd", 8)
	f.Add(" x ", 0)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 3 || limit > 1<<16 { // the mark of a cut has three bytes
			return
		}
		got := boot.Printable(text, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q, %d: got %q", text, limit, got)
		}
		if again := boot.Printable(got, limit); again != got {
			t.Errorf("%q, %d: got %q, then %q", text, limit, got, again)
		}
	})
}
