package quota

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func recipients(used []Use) (n int) {
	for _, u := range used {
		n += u.Recipients
	}
	return n
}

// TestNoPowerCutCountsTooLittle reserves at random, and after each step cuts the
// power: of the log there is what was flushed, and any part of the rest.
func TestNoPowerCutCountsTooLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	path, cut := filepath.Join(dir, "quota.log"), filepath.Join(dir, "cut.log")
	l, _, err := Open(path, nil, start())
	if err != nil {
		t.Fatal(err)
	}
	now, granted, flushed, flushes := start(), 0, int64(0), 0
	var out []Grant
	for range 600 {
		now = now.Add(time.Duration(r.IntN(20)) * time.Millisecond)
		if r.IntN(40) == 0 {
			now = now.Add(2 * time.Second) // idle
		}
		flush := func() { flushed, flushes = l.log.Size(), flushes+1 }
		switch left := l.advances["a"].left; r.IntN(4) {
		case 0: // some are made ready together
			size := 0
			for range 1 + r.IntN(MostAhead) {
				g, err := l.Intend("a", Limit{}, 1+r.IntN(3), false, now)
				if err != nil {
					t.Fatal(err)
				}
				out, size = append(out, g), size+g.Recipients
			}
			intended := l.intended
			if err := l.Commit(); err != nil {
				t.Fatal(err)
			}
			if intended {
				flush()
			}
			granted += size
		case 1:
			if len(out) > 0 {
				l.Settle(out[0], now)
				out = out[1:]
			}
		default:
			g, err := l.Reserve("a", Limit{}, 1+r.IntN(3), false, now)
			if err != nil {
				t.Fatal(err)
			}
			if left < g.Recipients {
				flush()
			}
			out, granted = append(out, g), granted+g.Recipients
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept := flushed + r.Int64N(l.log.Size()-flushed+1)
		if err := os.WriteFile(cut, data[:kept], 0o600); err != nil {
			t.Fatal(err)
		}
		used, err := Read(cut, now)
		if err != nil {
			t.Fatal(err)
		}
		if n := recipients(used["a"]); n < granted || n > granted+advanceOf {
			t.Fatalf("%d count after the power cut, %d were granted", n, granted)
		}
	}
	if flushes > 300 {
		t.Errorf("%d flushes of 600 steps", flushes)
	}
}

func TestAnAdvanceIsForWideLimitsAndHaste(t *testing.T) {
	for name, tt := range map[string]struct {
		limit Limit
		gap   time.Duration
		want  bool
	}{
		"no limit":         {Limit{}, time.Millisecond, true},
		"a large one":      {Limit{RecipientsPerDay: 100_000}, time.Millisecond, true},
		"that of Gmail":    {Limit{RecipientsPerDay: 500}, time.Millisecond, false},
		"few messages":     {Limit{MessagesPerHour: 100}, time.Millisecond, false},
		"one now and then": {Limit{}, busyGap, false},
	} {
		l, _, err := Open(filepath.Join(t.TempDir(), "quota.log"), nil, start())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := l.Reserve("a", tt.limit, 1, false, start().Add(time.Duration(i)*tt.gap)); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.advances["a"].left > 0; got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatIsLeftOfAnAdvance counts after a crash, once, and not after an orderly
// end.
func TestWhatIsLeftOfAnAdvance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quota.log")
	l, _, err := Open(path, nil, start())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := l.Reserve("a", Limit{}, 2, false, start().Add(time.Duration(i)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	// The second one flushed an advance of 32, of which the others took six.
	const crash = 5*2 + advanceOf - 6
	now := start()
	for i := range 3 {
		now = now.Add(time.Hour)
		if l, _, err = Open(path, nil, now); err != nil { // the one before was killed
			t.Fatal(err)
		}
		if n := recipients(l.used["a"]); n != crash {
			t.Errorf("start %d: %d count, want %d", i, n, crash)
		}
	}
	if used, err := Read(path, now.Add(23*time.Hour+time.Minute)); err != nil || recipients(used["a"]) >= crash {
		t.Errorf("a day after the crash %d count still, %v", recipients(used["a"]), err)
	}
	other := filepath.Join(t.TempDir(), "quota.log")
	if l, _, err = Open(other, nil, start()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := l.Reserve("a", Limit{}, 1, false, start()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.compact(); err != nil {
		t.Fatal(err)
	}
	if used, err := Read(other, start()); err != nil || recipients(used["a"]) != 3+advanceOf-1 {
		t.Errorf("got %d, %v after the log was rewritten", recipients(used["a"]), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if used, err := Read(other, start()); err != nil || recipients(used["a"]) != 3 {
		t.Errorf("got %d, %v after an orderly end", recipients(used["a"]), err)
	}
}
