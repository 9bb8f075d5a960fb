package testprogram_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"tocsin/internal/testprogram"
)

// TestWrittenAndRun: beside others that start programs all the time. A plain
// write of this size fails within a few rounds.
func TestWrittenAndRun(t *testing.T) {
	var others sync.WaitGroup
	defer others.Wait()
	done := make(chan struct{})
	defer close(done)
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := exec.CommandContext(t.Context(), "/bin/true").Run(); err != nil && t.Context().Err() == nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	text := append([]byte("#!/bin/sh\nexit 0\n"), bytes.Repeat([]byte("#\n"), 8<<20)...)
	for range 20 {
		path := filepath.Join(t.TempDir(), "program")
		if err := testprogram.Write(path, text, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := exec.CommandContext(t.Context(), path).Run(); err != nil {
			t.Fatal(err)
		}
	}
}
