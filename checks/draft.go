package checks

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin"
)

// maxText bounds a text value, in bytes.
const maxText = 4096

// draft is a reading in the making. It lets only the metrics through that
// some rule uses, and no number that is not finite.
type draft struct {
	wanted  map[string]bool // nil means all
	reading tocsin.Reading
}

// newDraft begins a reading now.
func newDraft(s Spec) *draft {
	return &draft{
		wanted: s.Metrics,
		reading: tocsin.Reading{
			At:     time.Now(),
			Values: make(tocsin.Values, 0, len(s.Metrics)),
		},
	}
}

// wants says whether any of the metrics is used.
func (d *draft) wants(names ...string) bool { return wantsAny(d.wanted, names) }

// wantsAny says whether any of names is wanted; nil wants all.
func wantsAny(wanted map[string]bool, names []string) bool {
	if wanted == nil {
		return len(names) > 0
	}
	for _, name := range names {
		if wanted[name] {
			return true
		}
	}
	return false
}

// number sets a metric. A value that is not finite is no data.
func (d *draft) number(name string, f float64) {
	if d.wants(name) && !math.IsNaN(f) && !math.IsInf(f, 0) {
		d.reading.Values.Set(name, tocsin.Number(f))
	}
}

// share sets a metric to part of whole, in percent from 0 to 100. A share of
// nothing is no data.
func (d *draft) share(name string, part, whole float64) {
	if whole > 0 {
		d.number(name, min(100, max(0, 100*part/whole)))
	}
}

// truth sets a metric.
func (d *draft) truth(name string, b bool) {
	if d.wants(name) {
		d.reading.Values.Set(name, tocsin.Bool(b))
	}
}

// text sets a metric to text from outside, made safe to print.
func (d *draft) text(name, s string) {
	if d.wants(name) {
		d.reading.Values.Set(name, tocsin.Text(printable(s)))
	}
}

// fail says why metrics could not be read.
func (d *draft) fail(err error, names ...string) {
	for _, name := range names {
		if d.wants(name) {
			if d.reading.Errors == nil {
				d.reading.Errors = make(map[string]error)
			}
			d.reading.Errors[name] = err
		}
	}
}

// failAll says why none of metrics could be read. When all metrics are wanted,
// once is enough, for the metric exists.
func (d *draft) failAll(err error, metrics []Metric) {
	if d.wanted == nil {
		d.fail(err, "exists")
		return
	}
	for _, metric := range metrics {
		d.fail(err, metric.Name)
	}
}

// printable is s cut to maxText bytes, as valid UTF-8, with a question mark
// for every character that moves a cursor or ends a line.
func printable(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// metricNames are the names of metrics.
func metricNames(metrics []Metric) []string {
	names := make([]string, len(metrics))
	for i, metric := range metrics {
		names[i] = metric.Name
	}
	return names
}
