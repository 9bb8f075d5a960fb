package checks

import (
	"errors"
	"math"
	"strings"
	"testing"

	"tocsin"
)

func TestDraftLetsOnlyWantedThrough(t *testing.T) {
	d := newDraft(Spec{Metrics: map[string]bool{"a": true, "b": false}})
	for _, name := range []string{"a", "b", "c"} {
		d.number(name, 1)
		d.fail(errors.New("x"), name)
	}
	if got := d.reading; len(got.Values) != 1 || len(got.Errors) != 1 || got.Values.Of("a") != tocsin.Number(1) || got.Errors["a"] == nil {
		t.Errorf("got %v, want only a", got)
	}
}

func TestDraftKeepsNumbersFinite(t *testing.T) {
	d := newDraft(Spec{})
	d.number("nan", math.NaN())
	d.number("inf", math.Inf(1))
	d.share("nothing", 0, 0)
	d.share("negative", 1, -1)
	d.share("odd", math.NaN(), 1)
	if len(d.reading.Values) != 0 {
		t.Errorf("got %v, want nothing", d.reading.Values)
	}
	d.share("high", 3, 2)
	d.share("low", -1, 2)
	wantValues(t, d.reading, map[string]string{"high": "100", "low": "0"})
}

func TestDraftMakesTextSafe(t *testing.T) {
	d := newDraft(Spec{})
	d.text("odd", "a\x1b[31m\n\xffé\u202e")
	wantValues(t, d.reading, map[string]string{"odd": "a?[31m??é?"})
	d.text("long", strings.Repeat("é", maxText))
	if got := len(d.reading.Values.Of("long").String()); got != maxText {
		t.Errorf("got %d bytes, want %d", got, maxText)
	}
}

func TestDraftFailAll(t *testing.T) {
	metrics := []Metric{{Name: "exists"}, {Name: "pid"}}
	err := errors.New("x")
	all := newDraft(Spec{})
	all.failAll(err, metrics)
	if got := all.reading.Errors; len(got) != 1 || got["exists"] == nil {
		t.Errorf("got %v, want an error of exists", got)
	}
	some := newDraft(Spec{Metrics: map[string]bool{"pid": true, "other": true}})
	some.failAll(err, metrics)
	if got := some.reading.Errors; len(got) != 1 || got["pid"] == nil {
		t.Errorf("got %v, want an error of pid", got)
	}
}
