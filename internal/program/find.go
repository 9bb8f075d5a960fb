package program

import (
	"errors"
	"fmt"
	"os"
)

// ErrNoProgram is for a name that no directory of the search path has.
var ErrNoProgram = errors.New("there is no such program")

// Find is the whole path of a program that is given by its name alone, as a
// shell of root would find it.
func Find(name string) (string, error) {
	for _, dir := range searchPath() {
		path := dir + "/" + name
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %q", ErrNoProgram, name)
}

// searchPath is where programs are looked for by their name.
func searchPath() []string {
	return []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
}
