package durable_test

import (
	"errors"
	"strings"
	"testing"

	"tocsin/internal/durable"
)

func TestVersion(t *testing.T) {
	for text, want := range map[string]int{
		`{"version":2,"epoch":["of another type"]}`: 2,
		`{"epoch":"x","version":1}`:                 1,
		`{"epoch":"x"}`:                             0,
		`{"version":"2"}`:                           0,
		`{"version":2`:                              0,
		`[2]`:                                       0,
		``:                                          0,
	} {
		if got := durable.Version([]byte(text)); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
	err := durable.Newer(7, 1)
	if !errors.Is(err, durable.ErrNewer) || !strings.Contains(err.Error(), "version 7, and this one knows version 1") {
		t.Errorf("got %v", err)
	}
}
