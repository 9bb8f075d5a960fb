package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin"
	"tocsin/internal/systemd"
)

// Unit is an action that is a job of the service manager.
type Unit struct {
	Bus  systemd.Bus
	Name string // such as "nginx.service"
	Verb string // "start", "stop" or "restart"
	// Timeout is how long the job is waited for.
	Timeout time.Duration
}

// Do has the service manager do the job. The error of a unit that it is at
// already is a LeftAlone.
func (u Unit) Do(ctx context.Context, _ *tocsin.Event) (said string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, u.Timeout, fmt.Errorf("not done after %s", u.Timeout))
	defer cancel()
	err = u.Bus.Do(ctx, u.Name, u.Verb)
	if errors.Is(err, systemd.ErrUnderWay) {
		return "", LeftAlone{err}
	}
	return "", err
}

// LeftAlone is the error of an action that was not done because somebody else
// is at the service.
type LeftAlone struct{ Err error }

// Error says who is at it.
func (l LeftAlone) Error() string { return l.Err.Error() }

// Unwrap is who is at it.
func (l LeftAlone) Unwrap() error { return l.Err }

// LeftAlone says that nothing was done.
func (LeftAlone) LeftAlone() bool { return true }
