package main

import (
	"fmt"
	"io"
)

// maxInput bounds what is read from standard input or a file that a person
// names: the largest message that common providers take.
const maxInput = 35 << 20

// readAll reads at most limit bytes and refuses more.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read input: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read input: more than %d MiB", limit>>20)
	}
	return data, nil
}
