package quota_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/durable"
	"tocsin/notify/quota"
)

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

func ledger(t *testing.T, path string, now time.Time) (*quota.Ledger, int) {
	t.Helper()
	l, lost, err := quota.Open(path, []string{"a", "b"}, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, lost
}

func TestReservationsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	limit := quota.Limit{RecipientsPerMinute: 5, RecipientsPerMessage: 2}
	l, _ := ledger(t, path, noon())
	for _, want := range []int{2, 2, 1} {
		if got, err := l.Reserve("a", limit, 9, false, noon()); err != nil || got.Recipients != want {
			t.Fatalf("got %d, %v, want %d", got.Recipients, err, want)
		}
	}
	for range 3 {
		_, err := l.Reserve("a", limit, 1, false, noon().Add(10*time.Second))
		if !errors.Is(err, quota.ErrNoRoom) {
			t.Fatalf("got %v, want no room", err)
		}
		if full, ok := errors.AsType[*quota.NoRoomError](err); !ok || full.Verdict.Window != "recipients_per_minute" {
			t.Errorf("got %v", err)
		}
		l, _ = ledger(t, path, noon().Add(10*time.Second)) // killed and started again
	}
	if got, err := l.Reserve("b", limit, 1, false, noon()); err != nil || got.Recipients != 1 {
		t.Errorf("got %d, %v: another account has room of its own", got.Recipients, err)
	}
	if got, err := l.Reserve("a", limit, 1, false, noon().Add(72*time.Second)); err != nil || got.Recipients != 1 {
		t.Errorf("got %d, %v a minute later", got.Recipients, err)
	}
}

// TestAReservationThatWasOutCountsFromTheRestart: nobody knows when the server
// saw it.
func TestAReservationThatWasOutCountsFromTheRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	limit := quota.Limit{RecipientsPerMinute: 1}
	l, _ := ledger(t, path, noon())
	if _, err := l.Reserve("a", limit, 1, false, noon()); err != nil {
		t.Fatal(err)
	}
	l, _ = ledger(t, path, noon().Add(59*time.Second))
	if _, err := l.Reserve("a", limit, 1, false, noon().Add(62*time.Second)); !errors.Is(err, quota.ErrNoRoom) {
		t.Errorf("got %v, want no room until a minute after the restart", err)
	}
}

func TestSettleMovesTheUse(t *testing.T) {
	l, _ := ledger(t, filepath.Join(t.TempDir(), "quota.log"), noon())
	limit := quota.Limit{RecipientsPerMinute: 1}
	grant, err := l.Reserve("a", limit, 1, false, noon())
	if err != nil {
		t.Fatal(err)
	}
	l.Settle(grant, noon().Add(30*time.Second)) // a slow server
	if v := l.Look("a", limit, false, noon().Add(61*time.Second)); v.Room != 0 {
		t.Error("the window began before the server had seen the mail")
	}
}

// TestARestartMovesNothing: what was over is over for the next process as well.
func TestARestartMovesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _ := ledger(t, path, noon())
	limit := quota.Limit{RecipientsPerHour: 9}
	for i := range 3 {
		g, err := l.Reserve("a", limit, 1, i == 2, noon().Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		l.Settle(g, noon().Add(time.Duration(i)*time.Minute+10*time.Second))
	}
	later := noon().Add(30 * time.Minute)
	before := l.Look("a", limit, true, later)
	l, _ = ledger(t, path, later)
	after := l.Look("a", limit, true, later)
	if !after.Pace.Last.Equal(before.Pace.Last) || after.Room != before.Room || after.Pace.Recipients != before.Pace.Recipients {
		t.Errorf("got %+v after a restart, want %+v", after, before)
	}
}

func TestAClockThatGoesBackFreesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	limit := quota.Limit{RecipientsPerDay: 1}
	l, _ := ledger(t, path, noon())
	if _, err := l.Reserve("a", limit, 1, true, noon()); err != nil {
		t.Fatal(err)
	}
	past := noon().AddDate(-10, 0, 0)
	l, _ = ledger(t, path, past)
	if _, err := l.Reserve("a", limit, 1, true, past); !errors.Is(err, quota.ErrNoRoom) {
		t.Errorf("got %v, want no room", err)
	}
	if _, err := l.Reserve("a", limit, 1, true, past.Add(25*time.Hour)); err != nil {
		t.Errorf("got %v: it must not wait for ten years", err)
	}
}

// TestDamageNeverCountsTooLittle flips each byte of a record.
func TestDamageNeverCountsTooLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	limit := quota.Limit{RecipientsPerDay: 10}
	l, _ := ledger(t, path, noon())
	for range 2 {
		if _, err := l.Reserve("a", limit, 1, true, noon()); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	for whole[first] != '\n' {
		first++
	}
	for i := range first {
		bad := append([]byte{}, whole...)
		bad[i] ^= 0x15
		file := filepath.Join(t.TempDir(), "quota.log")
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, lost := ledger(t, file, noon())
		counted, err := quota.Read(file, noon())
		if err != nil {
			t.Fatal(err)
		}
		used := quota.Usages(limit, counted["a"], noon())[0].Used
		if used < 2 || lost == 0 {
			t.Errorf("byte %d: %d used, %d lost, want at least 2 used", i, used, lost)
		}
		if _, lost := ledger(t, file, noon()); lost != 0 {
			t.Errorf("byte %d: the loss was counted twice", i)
		}
	}
}

func TestTheLogStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _ := ledger(t, path, noon())
	now := noon()
	for range 6000 {
		now = now.Add(time.Minute)
		if _, err := l.Reserve("a", quota.Limit{}, 1, false, now); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 512<<10 {
		t.Errorf("got %d bytes, %v", info.Size(), err)
	}
	used, err := quota.Read(path, now)
	// Six more than the day has: each is taken for as late as the sixth after it.
	if err != nil || len(used["a"]) != 24*60+7 {
		t.Errorf("got %d uses of the last day, %v, want %d", len(used["a"]), err, 24*60+7)
	}
}

func TestAccountNamesMayHaveBlanks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _ := ledger(t, path, noon())
	if _, err := l.Reserve("my relay", quota.Limit{}, 3, false, noon()); err != nil {
		t.Fatal(err)
	}
	used, err := quota.Read(path, noon())
	if err != nil || len(used["my relay"]) != 1 || used["my relay"][0].Recipients != 3 {
		t.Errorf("got %v, %v", used, err)
	}
}

func TestReserveAllOrNothing(t *testing.T) {
	l, _ := ledger(t, filepath.Join(t.TempDir(), "quota.log"), noon())
	limit := quota.Limit{RecipientsPerMinute: 5, RecipientsPerMessage: 3}
	if _, err := l.ReserveAll("a", limit, 4, true, noon()); !errors.Is(err, quota.ErrNoRoom) {
		t.Errorf("got %v for more than a message may have", err)
	}
	if g, err := l.ReserveAll("a", limit, 3, true, noon()); err != nil || g.Recipients != 3 {
		t.Errorf("got %d, %v", g.Recipients, err)
	}
	if _, err := l.ReserveAll("a", limit, 3, true, noon()); !errors.Is(err, quota.ErrNoRoom) {
		t.Errorf("got %v for more than there is room for", err)
	}
	for _, want := range []int{0, -1000} {
		if _, err := l.Reserve("a", limit, want, true, noon()); err == nil {
			t.Errorf("%d recipients were granted", want)
		}
	}
	if g, err := l.Reserve("a", limit, 9, true, noon()); err != nil || g.Recipients != 2 {
		t.Errorf("got %d, %v, want the 2 that are left", g.Recipients, err)
	}
}

// TestTwoInFlight is for a test mail that is reserved while a slow mail is on
// the wire: the slow one counts from its own end, or from the restart.
func TestTwoInFlight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _ := ledger(t, path, noon())
	limit := quota.Limit{RecipientsPerMinute: 2}
	slow, err := l.Reserve("a", limit, 1, true, noon())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ReserveAll("a", limit, 1, true, noon().Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	l.Settle(slow, noon().Add(50*time.Second))
	if v := l.Look("a", limit, true, noon().Add(80*time.Second)); v.Room != 1 {
		t.Errorf("got room %d, want the test mail's alone", v.Room)
	}
	l, _ = ledger(t, path, noon().Add(55*time.Second))
	if v := l.Look("a", limit, true, noon().Add(80*time.Second)); v.Room != 0 {
		t.Errorf("got room %d after a restart, want none: both may have been on the wire", v.Room)
	}
}

// TestALogOfALaterVersionIsRefused: nothing of it is counted, and nothing of it
// is changed.
func TestALogOfALaterVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	log, err := durable.OpenLog(path, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range []string{"v 2", "what only that version knows"} {
		if err := log.Append([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := quota.Open(path, []string{"a"}, time.Now()); !errors.Is(err, durable.ErrNewer) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want a durable.ErrNewer that names the file", err)
	}
	if _, err := quota.Read(path, time.Now()); !errors.Is(err, durable.ErrNewer) {
		t.Errorf("got %v, want a durable.ErrNewer", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed: %v", err)
	}
}

// TestOldUsesHaveTheClockOfNow: those of the process before are in one order with
// the new ones, also after the clock on the wall is set back, and leave in it.
func TestOldUsesHaveTheClockOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _, err := quota.Open(path, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve("box", quota.Limit{}, 1, false, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	used, err := quota.Read(path, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if at := used["box"][0].At.String(); !strings.Contains(at, " m=") {
		t.Errorf("%s has no monotonic clock", at)
	}
}
