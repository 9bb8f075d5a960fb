package checks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLargestComeFirst(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	list, err := h.Largest(t.Context(), 3)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %+v, %v", list, err)
	}
	for i, c := range list {
		if i > 0 && c.Memory > list[i-1].Memory || c.Memory <= 0 || c.CPU != 0 || c.User == "" {
			t.Errorf("got %+v", list)
		}
	}
}

func TestTheBusiestOfATimeAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proc := copyFixtures(t)
		h, now := fixtureHost(t, proc)
		stat := filepath.Join(proc, "100", "stat")
		text, err := os.ReadFile(stat)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // half of one of four processors
			time.Sleep(100 * time.Millisecond)
			write(t, strings.Replace(string(text), " 200 100 ", " 220 105 ", 1), stat)
			now.Add(int64(500 * time.Millisecond))
		}()
		list, err := h.Busiest(t.Context(), 500*time.Millisecond, 10)
		if err != nil || len(list) != 1 || list[0].PID != 100 || list[0].Name != "nginx" {
			t.Fatalf("got %+v, %v", list, err)
		}
		if want := 100 * 25.0 / (50 * 4); list[0].CPU != want {
			cores, _ := h.cores()
			t.Errorf("got %v %% of %d processors, want %v", list[0].CPU, cores, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if list, err := h.Busiest(ctx, time.Second, 10); !errors.Is(err, context.Canceled) || list != nil {
			t.Errorf("got %+v, %v after the end of ctx", list, err)
		}
	})
}

func TestTheMountOfAPath(t *testing.T) {
	dir := t.TempDir()
	point, used, err := NewHost("").MountOf(dir)
	if err != nil || !strings.HasPrefix(dir, strings.TrimSuffix(point, "/")) || used < 0 {
		t.Errorf("got %q, %d, %v", point, used, err)
	}
	if _, _, err := NewHost("").MountOf(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for nothing", err)
	}
}
