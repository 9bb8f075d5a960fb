package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTend: an inbox is looked at before and after there are hints, at each hint,
// and every second where something waits for its time or went wrong, else seldom.
func TestTend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		calm   bool
		err    error
		hinted bool
		want   []time.Duration // the takes of the first 13 s; a hint comes after 12.5 s
	}{
		{"calm", true, nil, true, []time.Duration{0, 0, 10 * time.Second, 12500 * time.Millisecond}},
		{"something waits", false, nil, true, append(append([]time.Duration{0}, seconds(0, 12)...), 12500*time.Millisecond)},
		{"trouble", true, errors.New("no"), true, append(seconds(0, 12), 12500*time.Millisecond)},
		{"no hints", false, nil, false, seconds(0, 12)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, hints := time.Now(), make(chan struct{})
				var mu sync.Mutex
				var got []time.Duration
				a := &agent{log: slog.New(slog.DiscardHandler)}
				ctx, cancel := context.WithCancel(t.Context())
				go a.tend(ctx, inbox{
					name: "test",
					take: func(context.Context, time.Time) error {
						mu.Lock()
						defer mu.Unlock()
						got = append(got, time.Since(began))
						return tt.err
					},
					arrivals: func(context.Context) (<-chan struct{}, error) {
						if tt.hinted {
							return hints, nil
						}
						return nil, errors.New("no watches")
					},
					calm: func() bool { return tt.calm },
				})
				time.Sleep(12500 * time.Millisecond)
				if tt.hinted {
					hints <- struct{}{}
				}
				time.Sleep(400 * time.Millisecond)
				cancel()
				synctest.Wait()
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// seconds are those from one to another.
func seconds(from, to int) []time.Duration {
	var all []time.Duration
	for s := from; s <= to; s++ {
		all = append(all, time.Duration(s)*time.Second)
	}
	return all
}
