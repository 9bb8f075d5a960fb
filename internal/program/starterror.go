package program

import "fmt"

// StartError is why a program was not started. Its text does not name the
// program.
type StartError struct{ Err error }

func (e *StartError) Error() string { return "start: " + e.Err.Error() }

// Unwrap is the cause.
func (e *StartError) Unwrap() error { return e.Err }

func unstartedf(format string, args ...any) error {
	return &StartError{fmt.Errorf(format, args...)}
}
