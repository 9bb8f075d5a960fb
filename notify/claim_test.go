package notify

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// backlogged is a courier for which so many messages wait, each queued a second
// after the one before.
func backlogged(tb testing.TB, n int) *Courier {
	tb.Helper()
	dir, log := tb.TempDir(), slog.New(slog.DiscardHandler)
	s, err := spool.Open(filepath.Join(dir, "spool"), log, noon())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		if err := s.Hold(spool.Item{
			ID: fmt.Sprintf("%032x", i), Queued: noon().Add(time.Duration(i-n) * time.Second), Raw: []byte("x"), Targets: []spool.Target{{Addresses: []string{"a@example.com"}}},
		}); err != nil {
			tb.Fatal(err)
		}
	}
	l, _, err := quota.Open(filepath.Join(dir, "quota.log"), nil, noon())
	if err != nil {
		tb.Fatal(err)
	}
	c, err := NewCourier(s, l, filepath.Join(dir, "accounts.json"), log, noon())
	if err != nil {
		tb.Fatal(err)
	}
	c.setup = Setup{Accounts: []Account{{Server: smtp.Server{Name: "box"}}}}
	return c
}

// TestClaim takes the oldest, in order, and nothing twice.
func TestClaim(t *testing.T) {
	c := backlogged(t, 6)
	take := func(most int) []string {
		jobs, _, _ := c.claim("box", most, noon())
		var ids []string
		for _, j := range jobs {
			ids = append(ids, j.waiting[0].Item.ID[31:])
		}
		return ids
	}
	for _, want := range [][]string{{"0", "1", "2", "3"}, {"4", "5"}, nil} {
		if got := take(4); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.busy = make(map[string]time.Time)
	jobs, _, _ := c.claim("box", 2, noon())
	if got := take(1); !slices.Equal(got, []string{"2"}) {
		t.Errorf("got %q beside two others", got)
	}
	for _, j := range jobs {
		c.release(j) // they are theirs still, whatever was claimed meanwhile
	}
	if got := take(2); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("got %q, want those that were given back", got)
	}
}

// TestClaimGivesRoomBack after many items have gone.
func TestClaimGivesRoomBack(t *testing.T) {
	const many, left = 1000, 10
	c := backlogged(t, many)
	c.claim("box", 1, noon())
	for i := range many - left {
		if err := c.Spool.Drop(fmt.Sprintf("%032x", i), "gone", noon()); err != nil {
			t.Fatal(err)
		}
	}
	c.claim("box", 1, noon())
	if got := cap(c.list); got > sparedRoom {
		t.Errorf("room for %d is kept for %d", got, left)
	}
}

// BenchmarkClaim is what choosing the next mails costs while so many wait.
func BenchmarkClaim(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := backlogged(b, n)
			b.ReportAllocs()
			for b.Loop() {
				jobs, _, _ := c.claim("box", quota.MostAhead, noon())
				for _, j := range jobs {
					c.release(j)
				}
			}
		})
	}
}
