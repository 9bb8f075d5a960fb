package tocsin

import (
	"math"
	"strconv"
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
