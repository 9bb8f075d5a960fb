package tocsin_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
)

func TestSeverityWords(t *testing.T) {
	for _, s := range []tocsin.Severity{tocsin.Info, tocsin.Warning, tocsin.Critical} {
		got, err := tocsin.ParseSeverity(s.String())
		if err != nil || got != s {
			t.Errorf("%v: got %v, %v", s, got, err)
		}
	}
	if _, err := tocsin.ParseSeverity("Critical"); err == nil {
		t.Error("another spelling was taken")
	}
	if got := tocsin.Severity(9).String(); got != "severity(9)" {
		t.Errorf("got %q", got)
	}
}

func TestAnEventSurvivesJSON(t *testing.T) {
	want := tocsin.Event{
		ID: "id", Type: tocsin.Failed, Name: "Does not exist", Host: "h", Kind: "process", Check: "ngi\x00nx\n", Rule: "down",
		Severity: tocsin.Critical, Description: "ünïcode", At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)),
		Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Incident: "i", Count: 3, Note: "n",
		Mark: &tocsin.Mark{Epoch: "e", Transition: 7, Failed: true, Incident: "i", Reminders: 3},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got tocsin.Event
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"severity":"loud"}`), &got); err == nil {
		t.Error("an unknown severity was taken")
	}
	if got := want.RuleID(); got != "process.ngi\x00nx\n/down" {
		t.Errorf("got %q", got)
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		value tocsin.Value
		kind  tocsin.ValueKind
		float float64
		truth bool
		text  string
	}{
		{tocsin.Value{}, tocsin.NoValue, 0, false, "no data"},
		{tocsin.Number(97.25), tocsin.NumberValue, 97.25, false, "97.25"},
		{tocsin.Number(1), tocsin.NumberValue, 1, false, "1"},
		{tocsin.Number(math.NaN()), tocsin.NoValue, 0, false, "no data"},
		{tocsin.Number(math.Inf(1)), tocsin.NumberValue, math.Inf(1), false, "+Inf"},
		{tocsin.Bool(true), tocsin.BoolValue, 1, true, "true"},
		{tocsin.Bool(false), tocsin.BoolValue, 0, false, "false"},
		{tocsin.Text("rw"), tocsin.TextValue, 0, false, "rw"},
	}
	for _, tt := range tests {
		v := tt.value
		if v.Kind() != tt.kind || v.Float() != tt.float || v.Truth() != tt.truth || v.String() != tt.text {
			t.Errorf("%s: got kind %d, %v, %v, %q", tt.text, v.Kind(), v.Float(), v.Truth(), v.String())
		}
	}
}

func TestGoesBy(t *testing.T) {
	for name, want := range map[string]bool{
		"disk:/srv": true, "filesystem.disk:/srv": true, "disk": true, "filesystem.disk": true,
		"dis": false, "disk:/sr": false, "disk:": false, "process.disk": false, "/srv": false, "": false,
	} {
		if got := tocsin.GoesBy("filesystem", "disk:/srv", name); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
	if tocsin.GoesBy("filesystem", "disk:home", "disk") {
		t.Error("got a check that is another one's by name alone")
	}
}

func TestGoesByTheNameOfAQuotedMount(t *testing.T) {
	for name, want := range map[string]bool{"disk": true, `disk:"/a\nb"`: true, "dis": false, `disk:"`: false} {
		if got := tocsin.GoesBy("filesystem", `disk:"/a\nb"`, name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}

// TestValuesOfAReading: a metric is there once, and what was not read is no data.
func TestValuesOfAReading(t *testing.T) {
	var v tocsin.Values
	v.Set("b", tocsin.Number(1))
	v.Set("a", tocsin.Bool(true))
	v.Set("b", tocsin.Number(2))
	if got := v.Of("b"); len(v) != 2 || got != tocsin.Number(2) {
		t.Errorf("got %v of %v, want 2", got, v)
	}
	if got, found := v.Find("c"); found || got != (tocsin.Value{}) {
		t.Errorf("got %v, %v, want no data", got, found)
	}
	want := tocsin.ValuesOf(map[string]tocsin.Value{"b": tocsin.Number(2), "a": tocsin.Bool(true)})
	if got := v.Sorted(); !slices.Equal(got, want) || got[0].Metric != "a" || v[0].Metric != "b" {
		t.Errorf("got %v of %v, want %v", got, v, want)
	}
}
