package systemd

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// fakeLogind makes b answer as logind; each lock that is taken is sent to the
// channel, and the channel it is ends when the lock is let go.
func fakeLogind(b *fakeBus) <-chan chan struct{} {
	locks := make(chan chan struct{}, 64)
	b.on(loginPath, loginIface+".Inhibit", func(args []any) ([]any, *dbus.Error) {
		if len(args) != 4 || args[0] != "shutdown" || args[1] != "Tocsin" || args[3] != "delay" {
			b.t.Errorf("Inhibit with %q", args)
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil, dbus.MakeFailedError(err)
		}
		released := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, r)
			r.Close()
			close(released)
		}()
		locks <- released
		fd, err := dupOf(w)
		if err != nil {
			return nil, dbus.MakeFailedError(err)
		}
		return []any{fd}, nil
	})
	b.set(loginPath, loginIface, "PreparingForShutdown", false)
	b.set(loginPath, loginIface, "InhibitDelayMaxUSec", uint64(30e6))
	b.set(loginPath, loginIface, "WallMessage", "")
	b.set(loginPath, loginIface, "ScheduledShutdown", schedule{"reboot", 0})
	return locks
}

// schedule is the property ScheduledShutdown, (st).
type schedule struct {
	Type string
	Usec uint64
}

// watchLogin starts a watch; the notices are sent to the channel.
func watchLogin(t *testing.T, b *fakeBus) (*Login, <-chan Notice) {
	t.Helper()
	l := &Login{Bus: b.bus(), Log: slog.New(slog.DiscardHandler)}
	notices := make(chan Notice, 64)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		l.Watch(ctx, func(ctx context.Context, n Notice) {
			if deadline, ok := ctx.Deadline(); n.Going.Kind != "" && (!ok || time.Until(deadline) > 29*time.Second) {
				t.Errorf("the handler has until %v", deadline)
			}
			notices <- n
		})
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return l, notices
}

func prepare(b *fakeBus, member string, args ...any) {
	b.signal(fakeLogin, loginPath, loginIface+"."+member, args...)
}

func metadata(kind string) map[string]dbus.Variant {
	return map[string]dbus.Variant{"type": dbus.MakeVariant(kind)}
}

func TestAShutdownIsToldOnceAndThenTheLockIsLetGo(t *testing.T) {
	for _, c := range []struct {
		name     string
		metadata bool // version 255 and later
		want     Going
	}{
		{"old", false, Going{Kind: Reboot, Wall: "kernel  upgrade \ufffd[31m"}},
		{"new", true, Going{Kind: SoftReboot, Wall: "kernel  upgrade \ufffd[31m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newFakeBus(t)
			locks := fakeLogind(b)
			l, notices := watchLogin(t, b)
			lock := next(t, locks, "lock")
			b.set(loginPath, loginIface, "WallMessage", "kernel \nupgrade \x1b[31m")
			if c.metadata {
				prepare(b, "PrepareForShutdownWithMetadata", true, metadata("soft-reboot"))
			}
			prepare(b, "PrepareForShutdown", true)
			if got := next(t, notices, "notice"); got != (Notice{Going: c.want}) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			<-lock
			// Cancelled: told once, and the lock is taken again.
			if c.metadata {
				prepare(b, "PrepareForShutdownWithMetadata", false, metadata("soft-reboot"))
			}
			prepare(b, "PrepareForShutdown", false)
			if got := next(t, notices, "cancellation"); got != (Notice{Cancelled: true}) {
				t.Errorf("got %+v", got)
			}
			lock = next(t, locks, "lock again")
			prepare(b, "PrepareForShutdown", true)
			if got := next(t, notices, "second shutdown"); got.Going.Kind != Reboot {
				t.Errorf("got %+v", got)
			}
			<-lock
			if len(notices) > 0 {
				t.Errorf("told too often: %+v", <-notices)
			}
			if got := l.Missing(); got != "" {
				t.Errorf("missing %q", got)
			}
		})
	}
}

func TestTheLockIsTakenAgainOnANewConnection(t *testing.T) {
	b := newFakeBus(t)
	locks := fakeLogind(b)
	_, notices := watchLogin(t, b)
	lock := next(t, locks, "lock")
	b.await(busName + ".GetNameOwner")
	b.drop()
	<-lock // closed before it is taken anew
	next(t, locks, "lock after the connection was lost")
	prepare(b, "PrepareForShutdown", true)
	if got := next(t, notices, "notice"); got.Going.Kind != Reboot {
		t.Errorf("got %+v", got)
	}
	// The cancellation is missed, and noticed all the same.
	b.drop()
	if got := next(t, notices, "cancellation"); !got.Cancelled {
		t.Errorf("got %+v", got)
	}
	next(t, locks, "lock after the cancellation")
}

func TestAShutdownThatBeganUnheardIsTold(t *testing.T) {
	b := newFakeBus(t)
	_ = fakeLogind(b)
	b.set(loginPath, loginIface, "PreparingForShutdown", true)
	_, notices := watchLogin(t, b)
	if got := next(t, notices, "notice"); got.Going.Kind != Reboot {
		t.Errorf("got %+v", got)
	}
}

// missing waits until something, or nothing, is missing.
func missing(t *testing.T, l interface{ Missing() string }, log *changes, want string) {
	t.Helper()
	for got := l.Missing(); want == "" && got != "" || !strings.Contains(got, want); got = l.Missing() {
		select {
		case <-log.changed:
		case <-time.After(patience):
			t.Fatalf("missing %q, want %q", got, want)
		}
	}
}

// changes is a log that tells of each line.
type changes struct {
	slog.Handler
	changed chan string
}

func newChanges() *changes { return &changes{slog.DiscardHandler, make(chan string, 64)} }

func (c *changes) Enabled(context.Context, slog.Level) bool { return true }

func (c *changes) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		c.changed <- r.Message
	}
	return nil
}

func TestWhatIsMissingIsSaidAndMended(t *testing.T) {
	refuse := func(name string) answer {
		return func([]any) ([]any, *dbus.Error) { return nil, dbus.NewError(name, []any{"no\x1b \u202ereally"}) }
	}
	for _, c := range []struct {
		name  string
		spoil func(*fakeBus)
		want  string
		mend  func(*fakeBus)
	}{
		{
			"polkit",
			func(b *fakeBus) {
				b.on(loginPath, loginIface+".Inhibit", refuse("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"))
			},
			"login1 does not permit it", func(b *fakeBus) { fakeLogind(b) }, // tried again by itself
		},
		{
			"no logind",
			func(b *fakeBus) {
				b.own(loginName, "")
				b.on(loginPath, loginIface+".Inhibit", refuse("org.freedesktop.DBus.Error.ServiceUnknown"))
			},
			"no login1 on the bus", func(b *fakeBus) { fakeLogind(b); b.own(loginName, ":1.42") },
		},
		{
			"no bus",
			func(b *fakeBus) { b.listener.Close() },
			"no message bus", func(b *fakeBus) { fakeLogind(b); b.listen() },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newFakeBus(t)
			c.spoil(b)
			log := newChanges()
			l := &Login{Bus: b.bus(), Log: slog.New(log)}
			if l.Missing() == "" {
				t.Error("nothing is missing before the first try")
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { l.Watch(ctx, func(context.Context, Notice) {}); close(done) }()
			missing(t, l, log, c.want)
			if strings.ContainsAny(l.Missing(), "\x1b\u202e") {
				t.Errorf("not safe: %q", l.Missing())
			}
			c.mend(b)
			missing(t, l, log, "")
			cancel()
			<-done
		})
	}
}

func TestALogindThatRestartsIsAskedAgain(t *testing.T) {
	b := newFakeBus(t)
	locks := fakeLogind(b)
	_, notices := watchLogin(t, b)
	first := next(t, locks, "lock")
	b.await(busName + ".GetNameOwner")
	b.own(loginName, "")
	b.own(loginName, ":1.50")
	second := next(t, locks, "lock of the new one")
	<-first
	// The old owner's name is a stranger's now.
	prepare(b, "PrepareForShutdown", true)
	b.signal(":1.50", loginPath, loginIface+".PrepareForShutdownWithMetadata", true, metadata("power-off"))
	if got := next(t, notices, "notice"); got.Going.Kind != Poweroff {
		t.Errorf("got %+v", got)
	}
	<-second
}

func TestHostileSignalsChangeNothing(t *testing.T) {
	b := newFakeBus(t)
	locks := fakeLogind(b)
	_, notices := watchLogin(t, b)
	next(t, locks, "lock")
	b.await(busName + ".GetNameOwner")
	for _, body := range [][]any{nil, {"true"}, {uint32(1)}, {true}} {
		b.signal(":1.666", loginPath, loginIface+".PrepareForShutdown", body...)
		if len(body) == 0 || body[0] != true {
			prepare(b, "PrepareForShutdown", body...)
			prepare(b, "PrepareForShutdownWithMetadata", body...)
		}
	}
	b.signal(":1.666", busPath, busName+".NameOwnerChanged", loginName, fakeLogin, ":1.666")
	b.signal(busName, busPath, busName+".NameOwnerChanged", loginName, int32(1), int32(2))
	prepare(b, "PrepareForShutdownWithMetadata", true, metadata("\x1b]0;evil"))
	if got := next(t, notices, "notice"); got.Going.Kind != Reboot {
		t.Errorf("got %+v", got)
	}
}

func TestABusThatHangsIsGivenUp(t *testing.T) {
	b := newFakeBus(t)
	b.mu.Lock()
	b.hang = true
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.bus().dial(ctx, noFiles); err == nil {
		t.Error("connected")
	}
	s := b.bus().Situation(ctx, t.TempDir(), "tocsin.service")
	if s != (Situation{}) {
		t.Errorf("got %+v", s)
	}
}

func TestHowLongAHandlerMayTake(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{
		5 * time.Second: 4 * time.Second, time.Second: 500 * time.Millisecond, 0: 0, 30 * time.Second: 29 * time.Second,
	} {
		if got := allowed(in); got != want {
			t.Errorf("%v: got %v, want %v", in, got, want)
		}
	}
}

func TestThePausesDouble(t *testing.T) {
	var b backoff
	for _, want := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		if got := b.next(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for range 20 {
		b.next()
	}
	if got := b.next(); got != 30*time.Second {
		t.Errorf("got %v", got)
	}
	b.reset()
	if got := b.next(); got != retryFirst {
		t.Errorf("got %v", got)
	}
}

// dupOf is a descriptor that the bus closes once it is sent; the file closes
// its own.
func dupOf(f *os.File) (dbus.UnixFD, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return dbus.UnixFD(fd), err
}
