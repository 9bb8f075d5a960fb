package boot_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

func TestRecordComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.json")
	if r, err := boot.ReadRecord(path); r != (boot.Record{}) || err != nil {
		t.Fatalf("got %+v, %v, want the zero record for no file", r, err)
	}
	for _, want := range []boot.Record{
		{Key: lastKey},
		{
			Key: lastKey, BootID: string(lastID), Kernel: "6.1.0-17", Version: "1.2.3", Began: at(runBegan), Alive: at(heartbeat),
			Booted: at("08:00:00"), Ended: at(runEnded), How: boot.WentDown, Told: lastKey, Shutdowns: 2,
			Going: systemd.Going{Kind: systemd.Reboot, Forced: true, Wall: "kernel\nupgrade", By: "root"},
		},
	} {
		if err := want.Save(path); err != nil {
			t.Fatal(err)
		}
		got, err := boot.ReadRecord(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	}
}

// damage are texts that are neither a record nor a mark.
func damage() map[string]string {
	return map[string]string{
		"empty": "", "torn": `{"key": "abc`, "null": "null", "no key": `{"began": "2026-11-22T08:00:00Z"}`, "a list": "[]",
		"wrong type": `{"key": 5}`, "zeros": strings.Repeat("\x00", 512), "two": `{"key":"a"}{"key":"b"}`,
		"long key": `{"key": "` + strings.Repeat("k", 300) + `"}`,
		"too long": `{"key": "abc", "kernel": "` + strings.Repeat("k", 64<<10) + `"}`,
	}
}

func TestReadRecordDamaged(t *testing.T) {
	for name, text := range damage() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "agent.json")
			put(t, path, text)
			if r, err := boot.ReadRecord(path); r != (boot.Record{}) || !errors.Is(err, boot.ErrDamaged) {
				t.Errorf("got %+v, %v, want the zero record and ErrDamaged", r, err)
			}
		})
	}
}

func TestReadRecordOfANewerVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.json")
	put(t, path, `{"key": "abc", "how": "upgrade", "mood": {"good": true}}`)
	if r, err := boot.ReadRecord(path); r.Key != "abc" || r.How != "upgrade" || err != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestReadRecordOpensOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	put(t, filepath.Join(dir, "file"), `{"key": "abc"}`)
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, dir} {
		if r, err := boot.ReadRecord(path); r.Key != "" || err == nil || errors.Is(err, boot.ErrDamaged) {
			t.Errorf("%s: got %+v, %v, want an error of the file", path, r, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, text := range damage() {
		f.Add(text)
	}
	f.Add(`{"key":"a","began":"0001-01-01T00:00:00Z","alive":"9999-12-31T23:59:59Z","how":"shutdown","going":{"kind":"\u001b[2J","by":"\n"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := boot.ParseRecord([]byte(text))
		if err != nil {
			if r != (boot.Record{}) || !errors.Is(err, boot.ErrDamaged) {
				t.Fatalf("got %+v with %v", r, err)
			}
			return
		}
		// Whatever it says, it can be judged and told.
		for _, mark := range []*boot.Mark{nil, {Current: boot.Life{Key: r.Key, Began: r.Alive, Ended: r.Ended, Going: r.Going}}} {
			v := boot.Judge(boot.Facts{Now: at(now), Key: thisKey, Booted: at(cameUp), Record: r, Mark: mark})
			if v.Down < 0 || v.Away < 0 {
				t.Errorf("got down %v, away %v", v.Down, v.Away)
			}
			checkText(t, v.Event("host", boot.Telling{Now: at(now), Zone: time.UTC}).Description)
			checkText(t, boot.Shutdown("host", r.Key, r.Shutdowns, r.Going, time.Hour, at(now)).Description)
		}
	})
}
