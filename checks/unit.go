package checks

import (
	"math"
	"strconv"
	"strings"

	"tocsin"
)

// Unit is the fixed unit of a metric. A number in a rule is in this unit.
type Unit string

// The units.
const (
	Percent   Unit = "percent" // 0 to 100
	Bytes     Unit = "bytes"
	Seconds   Unit = "seconds"
	Count     Unit = "count"
	PerSecond Unit = "per second"
	Truth     Unit = "bool"
	Word      Unit = "text"
)

// Format is a value with its unit as a person writes it: "97.3 %", "3.2 GiB",
// "4h12m", "12.5/s", "42". A value that is not a number is written as it is,
// no data as "no data", and an infinite number as "infinite".
func Format(unit Unit, v tocsin.Value) string {
	if v.Kind() != tocsin.NumberValue {
		return v.String()
	}
	number, sign := v.Float(), ""
	if number < 0 {
		number, sign = -number, "-"
	}
	if math.IsInf(number, 0) {
		return sign + "infinite"
	}
	text := ""
	switch unit {
	case Percent:
		text = decimal(number, 1) + " %"
	case Bytes:
		text = size(number)
	case Seconds:
		text = span(number)
	case PerSecond:
		text = decimal(number, 2) + "/s"
	default:
		text = decimal(number, 2)
	}
	if strings.HasPrefix(text, "0") && !strings.ContainsAny(text, "123456789") {
		sign = "" // a small negative number that was rounded to nothing
	}
	return sign + text
}

// decimal writes a number without an exponent and without zeros at its end.
func decimal(number float64, places int) string {
	text := strconv.FormatFloat(number, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// size writes bytes with an IEC prefix (IEC 80000-13).
func size(bytes float64) string {
	const prefixes = "KMGTPE"
	if math.Round(bytes) < 1024 {
		return decimal(bytes, 0) + " B"
	}
	bytes /= 1024
	i := 0
	// 1023.95 would be rounded to 1024.0, which is 1 of the next prefix.
	for ; bytes >= 1023.95 && i < len(prefixes)-1; i++ {
		bytes /= 1024
	}
	return decimal(bytes, 1) + " " + prefixes[i:i+1] + "iB"
}

// span writes seconds with the two largest units that are not zero.
func span(seconds float64) string {
	switch {
	case seconds == 0:
		return "0s"
	case seconds < 0.9995:
		return decimal(seconds*1000, 1) + "ms"
	case seconds < 59.95:
		return decimal(seconds, 1) + "s"
	case seconds >= math.MaxInt64:
		return decimal(seconds/86400, 0) + "d"
	}
	whole := int64(math.Round(seconds))
	switch {
	case whole < 3600:
		return pair(whole, 60, "m", 1, "s")
	case whole < 86400:
		return pair(whole, 3600, "h", 60, "m")
	default:
		return pair(whole, 86400, "d", 3600, "h")
	}
}

// pair writes seconds in a large unit and what is left in a small one.
func pair(seconds, large int64, largeName string, small int64, smallName string) string {
	text := strconv.FormatInt(seconds/large, 10) + largeName
	if rest := seconds % large / small; rest != 0 {
		text += strconv.FormatInt(rest, 10) + smallName
	}
	return text
}
