package checks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestParseStatus(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(fixtures(t), "100/status"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseStatus(data); err != nil || got != (procStatus{uid: 33, euid: 34, gid: 35, egid: 36}) {
		t.Errorf("got %+v, %v, want 33, 34, 35, 36", got, err)
	}
	for _, text := range []string{"", "Uid:\t1\t1\n", "Uid:\t1\nGid:\t1\t1\n", "Uid:\tx\t1\nGid:\t1\t1\n", "Name:\tUid: 1 1\\nGid: 1 1\n"} {
		if got, err := parseStatus([]byte(text)); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func TestParseFDLimit(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(fixtures(t), "100/limits"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseFDLimit(data); err != nil || got != 16 {
		t.Errorf("got %d, %v, want 16", got, err)
	}
	if got, err := parseFDLimit([]byte("Max open files unlimited unlimited files\n")); !errors.Is(err, errUnlimited) {
		t.Errorf("got %d, %v, want %v", got, err, errUnlimited)
	}
	for _, text := range []string{"", "Max open files \n", "Max open files x 1\n", "Max open files -1 1\n", "Max processes 1 1\n"} {
		if got, err := parseFDLimit([]byte(text)); err == nil || errors.Is(err, errUnlimited) {
			t.Errorf("%q: got %d, %v, want an error", text, got, err)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"))
	f.Add([]byte("Uid:\nGid:\t1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := parseStatus(data); err != nil && got != (procStatus{}) {
			t.Errorf("got %+v with %v, want nothing", got, err)
		}
	})
}

func FuzzParseFDLimit(f *testing.F) {
	f.Add([]byte("Max open files            1024                 524288               files     \n"))
	f.Add([]byte("Max open files unlimited"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := parseFDLimit(data); got < 0 || err != nil && got != 0 {
			t.Errorf("got %d, %v", got, err)
		}
	})
}
