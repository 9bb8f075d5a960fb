package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "1w": 7 * 24 * time.Hour,
		"1.5h": 90 * time.Minute, "100ms": 100 * time.Millisecond, " 5m ": 5 * time.Minute, "1d12h": 36 * time.Hour, "3650d": 3650 * 24 * time.Hour,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
		if again, err := ParseDuration(durationText(got)); err != nil || again != want {
			t.Errorf("%q: got %s again from %q, want %s", text, again, durationText(got), want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "m", "5 m", "-5m", "+5m", "5M", "0s", "0m", "5x", "1e3s", "5us", "1ns", ".5s", "5.s", "5m5", "5mm", "NaNs", "infs",
		"11y", "4000d", "521w1000w", "9999999999999999999999h", strings.Repeat("1s", 40), "5m\x00", "５m",
	} {
		if got, err := ParseDuration(text); !errors.Is(err, ErrDuration) {
			t.Errorf("%q: got %s, %v, want an error", text, got, err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"5m", "1d12h", "0.5s", "10y", "-1s", "1.5w"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err == nil && (d <= 0 || d > maxDuration) {
			t.Errorf("%q: got %s, want more than 0 and at most ten years", text, d)
		}
	})
}

func TestCompleteHost(t *testing.T) {
	const hosts = `127.0.0.1 localhost
# 192.0.2.9 web-1.comment.example
127.0.1.1	web-1.example.com web-1 # the machine
192.0.2.2 web-2 web-2.example.com
192.0.2.3 web-3
192.0.2.4 web-4.localdomain web-4
192.0.2.5 web-5.bad..example web-5
192.0.2.6 WEB-6.Example.com web-6
`
	for name, want := range map[string]string{
		"web-1": "web-1.example.com", "web-2": "web-2.example.com", "web-3": "web-3", "web-4": "web-4", "web-5": "web-5",
		"web-6": "WEB-6.Example.com", "web-7": "web-7", "web-1.example.org": "web-1.example.org", "localhost": "localhost", "web": "web",
	} {
		if got := completeHost(name, hosts); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestDefaultHost(t *testing.T) {
	if got := DefaultHost(); got == "" {
		t.Error("got no name, want one")
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"cpu.iowait", "cpu.percent", "load.avg1", "interval", "to", "cc"}
	for given, want := range map[string]string{
		"cpu.iowat": "cpu.iowait", "cpu.precent": "cpu.percent", "Interval": "interval", "intervall": "interval",
		"percent": "cpu.percent", "avg1": "load.avg1", "ot": "to", "bcc": "cc", "nonsense": "", "x": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if got := suggest(given, names); got != want {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"größe", "grösse", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: got %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%q and %q: got %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/a.secret": "/etc/a.secret", "a b": "'a b'", "a'b": `'a'\''b'`, "": "''", "$(x)": "'$(x)'", "-R": "'-R'", "a\nb": "'a\nb'",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}
