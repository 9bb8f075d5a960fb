package main

import "testing"

func TestAmount(t *testing.T) {
	for n, want := range map[int]string{0: "0 checks", 1: "1 check", 2: "2 checks", 1000: "1000 checks"} {
		if got := amount(n, "check"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
