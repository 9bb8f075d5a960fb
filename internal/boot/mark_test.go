package boot_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

func life(key boot.Key, began string) boot.Life {
	return boot.Life{Key: key, BootID: "id", Kernel: "6.1", Began: at(began)}
}

// TestMarkThroughItsLives follows one file through boots; each step sees what
// the one before it left on the disk.
func TestMarkThroughItsLives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	if m, err := boot.ReadMark(path); m != nil || err != nil {
		t.Fatalf("got %+v, %v, want none for no file", m, err)
	}
	ended := func(l boot.Life, end string, k systemd.Kind) boot.Life {
		l.Ended, l.Going.Kind = at(end), k
		return l
	}
	away := func(l boot.Life) boot.Life { l.Away = true; return l }
	open := func(key boot.Key, now string) func() (boot.Mark, error) {
		return func() (boot.Mark, error) { return boot.OpenMark(path, life(key, now)) }
	}
	closed := func(key boot.Key, k systemd.Kind, now string) func() (boot.Mark, error) {
		return func() (boot.Mark, error) {
			return boot.CloseMark(path, life(key, now), systemd.Going{Kind: k}, at(now))
		}
	}
	a, b, c, d := life("a", "01:00:00"), life("b", "02:00:00"), life("c", "03:00:00"), life("c", "04:00:00")
	for _, step := range []struct {
		name string
		do   func() (boot.Mark, error)
		want boot.Mark
	}{
		{"installed", open("a", "01:00:00"), boot.Mark{Current: a}},
		{"started twice", open("a", "01:10:00"), boot.Mark{Current: a}},
		{"stopped for an upgrade", closed("a", "", "01:20:00"), boot.Mark{Current: away(a)}},
		{"started again", open("a", "01:21:00"), boot.Mark{Current: a}},
		{"reboot", closed("a", systemd.Reboot, "01:30:00"), boot.Mark{Current: ended(a, "01:30:00", systemd.Reboot)}},
		{"stopped twice", closed("a", systemd.Halt, "01:31:00"), boot.Mark{Current: ended(a, "01:30:00", systemd.Reboot)}},
		{"up again", open("b", "02:00:00"), boot.Mark{Current: b, Previous: ended(a, "01:30:00", systemd.Reboot)}},
		{"up after a power loss", open("c", "03:00:00"), boot.Mark{Current: c, Previous: b}},
		{"soft reboot", closed("c", systemd.SoftReboot, "03:30:00"), boot.Mark{Current: ended(c, "03:30:00", systemd.SoftReboot), Previous: b}},
		{"up after it", open("c", "04:00:00"), boot.Mark{Current: d, Previous: ended(c, "03:30:00", systemd.SoftReboot)}},
		{"stopped, then down", closed("c", "", "04:10:00"), boot.Mark{Current: away(d), Previous: ended(c, "03:30:00", systemd.SoftReboot)}},
		{"up while it was away", open("e", "05:00:00"), boot.Mark{Current: life("e", "05:00:00"), Previous: away(d)}},
		{
			"closed without having been opened", closed("f", systemd.Poweroff, "06:00:00"),
			boot.Mark{Current: ended(life("f", "06:00:00"), "06:00:00", systemd.Poweroff), Previous: life("e", "05:00:00")},
		},
	} {
		if _, err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := boot.ReadMark(path)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(&step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestMarkDamaged(t *testing.T) {
	for name, text := range damage() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mark.json")
			put(t, path, text)
			m, err := boot.ReadMark(path)
			if !errors.Is(err, boot.ErrDamaged) || m == nil || !m.Current.Damaged {
				t.Errorf("got %+v, %v, want a damaged current life and ErrDamaged", m, err)
			}
			opened, err := boot.OpenMark(path, life(thisKey, "12:00:47"))
			want := boot.Mark{Current: life(thisKey, "12:00:47"), Previous: boot.Life{Damaged: true}}
			if opened != want || err != nil {
				t.Errorf("got %+v, %v, want %+v", opened, err, want)
			}
			// Before and after its unit ran it speaks against a clean end.
			for _, mark := range []*boot.Mark{m, &opened} {
				f := factsOf(t, "runs", "none", "none")
				f.Mark = mark
				if v := boot.Judge(f); v.Ending != boot.Unclean {
					t.Errorf("got %s, want unclean", v.Ending)
				}
			}
		})
	}
}

// TestMarkThatMayNotBeRead: rights that are wrong are no sign of a power loss.
func TestMarkThatMayNotBeRead(t *testing.T) {
	dir, err := os.MkdirTemp("", "mark-") //nolint:usetesting // that of t.TempDir is in one that root alone may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "mark.json")
	put(t, path, `{"current": {"key": "a"}}`)
	if os.Geteuid() == 0 { // who may read everything: this thread is somebody else
		const nobody = 65534
		for _, name := range []string{dir, path} {
			if err := os.Chown(name, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if m, err := boot.ReadMark(path); m != nil || !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %+v, %v, want none and a permission error", m, err)
	}
	want := boot.Mark{Current: life("b", "01:00:00"), Previous: boot.Life{Damaged: true}}
	if m, err := boot.OpenMark(path, want.Current); m != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", m, err, want)
	}
}

func TestMarkSaysWhenItCannotBeSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "mark.json")
	if _, err := boot.OpenMark(path, life("a", "01:00:00")); err == nil {
		t.Error("got nil, want an error")
	}
}

func FuzzParseMark(f *testing.F) {
	for _, text := range damage() {
		f.Add(text)
	}
	f.Add(`{"current":{"key":"c"},"previous":{"key":"b","began":"2026-11-22T08:00:00Z","away":true,"going":{"kind":"x"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := boot.ParseMark([]byte(text))
		if err != nil && (m != (boot.Mark{}) || !errors.Is(err, boot.ErrDamaged)) {
			t.Fatalf("got %+v with %v", m, err)
		}
		for _, record := range []string{"none", "damaged", "runs", "down reboot"} {
			facts := factsOf(t, record, "none", "cut")
			facts.Mark = &m
			v := boot.Judge(facts)
			checkText(t, v.Event("host", boot.Telling{Zone: time.UTC}).Description)
		}
		// An opened mark is of this life, and has not ended.
		m.Open(life(thisKey, now))
		if m.Current.Key != thisKey || !m.Current.Ended.IsZero() || m.Current.Away {
			t.Errorf("got %+v", m)
		}
	})
}
