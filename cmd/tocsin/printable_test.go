package main

import "testing"

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain Grüße\r\n\ttext": "plain Grüße\n\ttext",
		"\x1b]0;title\x07":      "\uFFFD]0;title\uFFFD",
		"\xff\x00\u202e\u0085":  "\uFFFD\uFFFD\uFFFD\uFFFD",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
