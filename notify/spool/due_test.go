package spool_test

import (
	"testing"
	"time"

	"tocsin/notify/spool"
)

func TestDue(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const hold = 3 * time.Second
	for name, c := range map[string]struct{ queued, want time.Time }{
		"waiting":              {now.Add(-time.Second), now.Add(-time.Second + hold)},
		"put after now":        {now.Add(time.Millisecond), now.Add(time.Millisecond + hold)},
		"the clock went back":  {now.Add(time.Hour), now},
		"due for a long while": {now.Add(-time.Hour), now.Add(-time.Hour + hold)},
	} {
		w := spool.Waiting{Item: &spool.Item{Queued: c.queued}, Target: spool.Target{Hold: hold}}
		if got := w.Due(now); !got.Equal(c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
