package boot_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/boot"
)

const (
	uuid    = "0f3b2c1d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\n"
	pid1    = "1 (systemd) S 0 1 1 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 17 107520000 3200 18446744073709551615 1 1"
	hexUUID = "0f3b2c1d4e5f4a6b8c7d9e0f1a2b3c4d"
)

func TestReadKey(t *testing.T) {
	for _, c := range []struct {
		name, id, stat string
		want           boot.Key
		err            error
	}{
		{"a machine", uuid, pid1, hexUUID + "-17", nil},
		{"upper case", strings.ToUpper(uuid), pid1, hexUUID + "-17", nil},
		{"a name that looks like fields", uuid, strings.Replace(pid1, "(systemd)", "(a) S 1 2 3 (b)", 1), hexUUID + "-17", nil},
		{"no boot id", "", pid1, "", boot.ErrKey},
		{"not a UUID", strings.Replace(uuid, "f", "g", 1), pid1, "", boot.ErrKey},
		{"too long", uuid + strings.Repeat("0", 200), pid1, "", boot.ErrDamaged},
		{"stat empty", uuid, "", "", boot.ErrKey},
		{"stat short", uuid, "1 (systemd) S 0 1 1 0", "", boot.ErrKey},
		{"start no number", uuid, strings.Replace(pid1, " 17 ", " x ", 1), "", boot.ErrKey},
		{"start negative", uuid, strings.Replace(pid1, " 17 ", " -1 ", 1), "", boot.ErrKey},
		{"no name", uuid, strings.ReplaceAll(pid1, ")", ""), "", boot.ErrKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			proc := t.TempDir()
			put(t, filepath.Join(proc, "sys/kernel/random/boot_id"), c.id)
			put(t, filepath.Join(proc, "1/stat"), c.stat)
			key, id, err := boot.ReadKey(proc)
			if key != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v, want %q, %v", key, err, c.want, c.err)
			}
			if err == nil && id != hexUUID {
				t.Errorf("got boot id %q, want %q", id, hexUUID)
			}
		})
	}
}

func TestReadKeyOfThisMachine(t *testing.T) {
	key, id, err := boot.ReadKey("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := boot.ReadKey("/proc"); again != key || err != nil || len(id) != 32 {
		t.Errorf("got %q, then %q, %v", key, again, err)
	}
	if _, _, err := boot.ReadKey(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want not exist", err)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(uuid, pid1)
	f.Add("", ")")
	f.Fuzz(func(t *testing.T, id, stat string) {
		key, bootID, err := boot.ParseKey([]byte(id), []byte(stat))
		if err != nil {
			if key != "" || bootID != "" || !errors.Is(err, boot.ErrKey) {
				t.Errorf("got %q, %q with %v", key, bootID, err)
			}
			return
		}
		if len(bootID) != 32 || !strings.HasPrefix(string(key), bootID+"-") || boot.Printable(string(key), 64) != string(key) {
			t.Errorf("got %q, %q", key, bootID)
		}
	})
}

// put writes a file and makes the directories above it.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSameStart(t *testing.T) {
	for _, tt := range []struct {
		a, b boot.Key
		want bool
	}{
		{"aa-7", "bb-7", true},
		{"aa-7", "aa-77", false},
		{"aa-7", "", false},
		{"", "", false},
	} {
		if got := tt.a.SameStart(tt.b); got != tt.want {
			t.Errorf("%q and %q: got %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}
