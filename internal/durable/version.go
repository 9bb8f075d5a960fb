package durable

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNewer says that a later version of the program wrote a file. Whoever meets
// it changes nothing of the file.
var ErrNewer = errors.New("written by a newer tocsin")

// Newer is the ErrNewer of a file with the version found, for a person: what is
// known and what can be done.
func Newer(found, known int) error {
	return fmt.Errorf("%w: it has version %d, and this one knows version %d; install the newer one again, or move the file away to begin without it", ErrNewer, found, known)
}

// Version is the number "version" of a JSON object, whatever else is in it; 0
// when it has none.
func Version(data []byte) int {
	var f struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &f) != nil {
		return 0
	}
	return f.Version
}
