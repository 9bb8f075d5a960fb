package systemd

import (
	"log/slog"
	"sync"
	"time"
)

// gap is what keeps a watch from its work, in words; the zero value says that
// it has not begun. It is logged when it changes, not at each try.
type gap struct {
	mu    sync.Mutex
	begun bool
	text  string
}

// notBegun is the gap of a watch that has not tried yet.
const notBegun = "not tried yet"

// set notes what is missing now; "" is nothing.
func (g *gap) set(log *slog.Logger, what, text string) {
	g.mu.Lock()
	same := g.begun && g.text == text
	g.begun, g.text = true, text
	g.mu.Unlock()
	switch {
	case same:
	case text == "":
		log.Info("watch on the service manager works", "watch", what)
	default:
		log.Warn("watch on the service manager lacks something, it will be tried again", "watch", what, "reason", text)
	}
}

func (g *gap) get() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.begun {
		return notBegun
	}
	return g.text
}

// The pauses between tries.
const (
	retryFirst  = 250 * time.Millisecond
	retryMost   = 30 * time.Second
	refusedMost = 10 * time.Minute
)

// backoff is the pause before the next try; the zero value begins.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, retryFirst), retryMost)
	return b.last
}

// slow is next for what somebody must permit first.
func (b *backoff) slow() time.Duration {
	b.last = min(max(2*b.last, retryFirst), refusedMost)
	return b.last
}

// reset begins anew after a success.
func (b *backoff) reset() { b.last = 0 }

// reason says in words why a service could not be used. service names it.
func reason(err error, service string) string {
	switch {
	case errorName(err) == "":
		return safe(err.Error(), maxError)
	case absent(err):
		return "no " + service + " on the bus"
	case refused(err):
		return service + " does not permit it (without root it takes a polkit rule): " + safe(err.Error(), maxError)
	default:
		return service + ": " + safe(err.Error(), maxError)
	}
}

// absent reports whether nobody has the name that was called.
func absent(err error) bool {
	switch errorName(err) {
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound", "org.freedesktop.systemd1.NoSuchUnit",
		"org.freedesktop.systemd1.LoadFailed", "org.freedesktop.systemd1.UnitMasked":
		return true
	default:
		return false
	}
}

// refused reports whether the caller is not allowed to.
func refused(err error) bool {
	switch errorName(err) {
	case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.AuthFailed",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "org.freedesktop.PolicyKit1.Error.NotAuthorized":
		return true
	default:
		return false
	}
}
