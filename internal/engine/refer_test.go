package engine

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// refersToBad is a condition on the metric "bad" of another check.
type refersToBad struct{}

func (refersToBad) Eval(v View) Truth {
	switch value := v.Referred(Ref{"test.b", "bad"}); {
	case value.Kind() == tocsin.NoValue:
		return Unknown
	case value.Truth():
		return True
	default:
		return False
	}
}

// TestAReferenceIsTheLastReading of the other check, as long as that is fresh.
func TestAReferenceIsTheLastReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := &keeper{}, &source{}
		asking, other := watching("a", &source{}), watching("b", b)
		asking.Rules[0].When, asking.Rules[0].Refs = refersToBad{}, []Ref{{"test.b", "bad"}}
		other.Rules = nil
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, asking, other)
		defer stop()
		time.Sleep(time.Minute)
		wants(t, k)
		b.set(func(s *source) { s.bad = true })
		time.Sleep(21 * time.Second)
		wants(t, k, "a/r failed")
		status, err := e.Status(t.Context())
		if err != nil || status[0].Rules[1].Says != True {
			t.Errorf("got status %+v, %v, want the rule to hold", status, err)
		}
		// It hangs: the last reading counts for three intervals, and what is
		// unknown after that neither fails nor recovers.
		release := make(chan struct{})
		b.set(func(s *source) { s.hang, s.bad = release, false })
		time.Sleep(10 * time.Minute)
		wants(t, k, "b/data failed")
		b.set(func(s *source) { s.hang = nil })
		close(release)
		time.Sleep(time.Minute)
		wants(t, k, "b/data recovered", "a/r recovered")
	})
}

func TestAReferenceGetsOld(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	check := watching("b", nil)
	w := &watch{check: &check, reading: reading(now, 7)}
	e := &Engine{byID: map[string]*watch{"test.b": w}}
	for _, c := range []struct {
		ref  Ref
		age  time.Duration
		want tocsin.ValueKind
	}{
		{Ref{"test.b", "m"}, 0, tocsin.NumberValue},
		{Ref{"test.b", "m"}, 30 * time.Second, tocsin.NumberValue},
		{Ref{"test.b", "m"}, 31 * time.Second, tocsin.NoValue},
		{Ref{"test.b", "n"}, 0, tocsin.NoValue},
		{Ref{"test.c", "m"}, 0, tocsin.NoValue},
	} {
		if got := e.other(c.ref, now.Add(c.age)).Kind(); got != c.want {
			t.Errorf("%v after %v: got kind %d, want %d", c.ref, c.age, got, c.want)
		}
	}
}
