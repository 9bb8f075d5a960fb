package program

import (
	"errors"
	"io/fs"
	"os"

	"tocsin/internal/trust"
)

// ErrUnsafe is for a program that somebody else than its owner could have
// changed.
var ErrUnsafe = errors.New("others may write to it")

// trusted refuses a program that others than root, the agent and the user it
// runs as could have changed or replaced.
func trusted(path string, who *account) error {
	if info, err := os.Stat(path); err != nil {
		return unstartedf("%w", cause(err))
	} else if info.IsDir() {
		return unstartedf("it is a directory")
	}
	faults, err := trust.Faults(path, uint32(os.Geteuid()), who.uid) //nolint:gosec // a user's number has 32 bits
	if err != nil {
		return unstartedf("%w", cause(err))
	}
	if len(faults) > 0 {
		return unstartedf("%w: %s", ErrUnsafe, faults[0])
	}
	return nil
}

// cause leaves out the path, which the reader knows.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
