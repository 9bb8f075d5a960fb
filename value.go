package tocsin

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// ValueKind is the type of a Value.
type ValueKind uint8

// The kinds of values. NoValue is that of the zero Value.
const (
	NoValue ValueKind = iota
	NumberValue
	BoolValue
	TextValue
)

// Value is what one metric read: a number, a truth or a text. The zero Value
// is no data.
type Value struct {
	kind   ValueKind
	number float64
	text   string
}

// Number makes a number. NaN is no data; infinities are kept.
func Number(f float64) Value {
	if math.IsNaN(f) {
		return Value{}
	}
	return Value{kind: NumberValue, number: f}
}

// Bool makes a truth.
func Bool(b bool) Value {
	v := Value{kind: BoolValue}
	if b {
		v.number = 1
	}
	return v
}

// Text makes a text.
func Text(s string) Value { return Value{kind: TextValue, text: s} }

// Kind says which of the accessors below is meaningful.
func (v Value) Kind() ValueKind { return v.kind }

// Float is the number, or 1 and 0 for a truth; 0 for a text and for no data.
func (v Value) Float() float64 { return v.number }

// Truth is the truth; false for anything else.
func (v Value) Truth() bool { return v.kind == BoolValue && v.number != 0 }

// String is the value without its unit; "no data" for the zero Value.
func (v Value) String() string {
	switch v.kind {
	case NumberValue:
		return strconv.FormatFloat(v.number, 'g', 6, 64)
	case BoolValue:
		return strconv.FormatBool(v.Truth())
	case TextValue:
		return v.text
	default:
		return "no data"
	}
}

// Values are what was read of some metrics, each named once. The zero Values are
// none. Most readings are of a handful, of which a map would take six times the
// memory.
type Values []Named

// Named is what was read of one metric.
type Named struct {
	Metric string
	Value  Value
}

// ValuesOf makes Values of a map, sorted by the names of the metrics.
func ValuesOf(all map[string]Value) Values {
	values := make(Values, 0, len(all))
	for metric, v := range all {
		values = append(values, Named{metric, v})
	}
	return values.Sorted()
}

// Of is what was read of a metric, the zero Value where it was not.
func (v Values) Of(metric string) Value {
	value, _ := v.Find(metric)
	return value
}

// Find is Of, and whether the metric was read.
func (v Values) Find(metric string) (Value, bool) {
	for i := range v {
		if v[i].Metric == metric {
			return v[i].Value, true
		}
	}
	return Value{}, false
}

// Set puts what was read of a metric in the place of what is there.
func (v *Values) Set(metric string, value Value) {
	for i := range *v {
		if (*v)[i].Metric == metric {
			(*v)[i].Value = value
			return
		}
	}
	*v = append(*v, Named{metric, value})
}

// Sorted is a copy in the order of the names.
func (v Values) Sorted() Values {
	return slices.SortedFunc(slices.Values(v), func(a, b Named) int { return strings.Compare(a.Metric, b.Metric) })
}
