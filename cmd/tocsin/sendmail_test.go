package main

import (
	"os"
	"testing"
)

// TestClosedInput: a closed standard input is no empty mail, </dev/null is one.
func TestClosedInput(t *testing.T) {
	for flag, want := range map[int]bool{os.O_RDWR: true, os.O_RDONLY: false} {
		f, err := os.OpenFile(os.DevNull, flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := closedInput(f); got != want {
			t.Errorf("flag %d: got %t", flag, got)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
