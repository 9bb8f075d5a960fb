package checks

import (
	"math"
	"strconv"
	"strings"
)

// perf is one value of the performance data of a Nagios plugin.
type perf struct {
	label string
	value float64 // NaN when it is "U", not known
	unit  string  // "", "s", "ms", "us", "%", "B", "KB", …, "c"
}

// maxPerf bounds how many values of one program are read.
const maxPerf = 256

// splitPlugin splits what a plugin prints into its text and its performance
// data: both stand in the first line with a bar between them. Further lines are
// text until another bar; what follows that one is performance data (Nagios
// Plugin API, plugin output spec).
func splitPlugin(output string) (line, data string) {
	first, rest, _ := strings.Cut(output, "\n")
	line, data, _ = strings.Cut(first, "|")
	if _, more, found := strings.Cut(rest, "|"); found {
		data += " " + more
	}
	return strings.TrimSpace(line), data
}

// parsePerf reads performance data, 'label'=value[UOM];[warn];[crit];[min];[max]
// with blanks between them (Monitoring Plugins Development Guidelines). What
// does not look like that is left out.
func parsePerf(data string) []perf {
	var out []perf
	for len(out) < maxPerf {
		data = strings.TrimLeft(data, " \t\r\n")
		if data == "" {
			break
		}
		label, rest, ok := perfLabel(data)
		end := strings.IndexAny(rest, " \t\r\n")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		data = rest[end:]
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(word, ";")
		if p, ok := perfValue(text); ok {
			p.label = label
			out = append(out, p)
		}
	}
	return out
}

// perfLabel reads a label and its equals sign. In quotes, two of them are one.
func perfLabel(data string) (label, rest string, ok bool) {
	if !strings.HasPrefix(data, "'") {
		end := strings.IndexAny(data, "= \t\r\n")
		if end < 0 {
			return "", "", false
		}
		if end == 0 || data[end] != '=' {
			return "", data[end:], false
		}
		return data[:end], data[end+1:], true
	}
	var b strings.Builder
	for i := 1; i < len(data); i++ {
		switch {
		case data[i] != '\'':
			b.WriteByte(data[i])
		case strings.HasPrefix(data[i+1:], "'"):
			b.WriteByte('\'')
			i++
		default:
			rest, ok = strings.CutPrefix(data[i+1:], "=")
			return b.String(), rest, ok && b.Len() > 0
		}
	}
	return "", "", false
}

// perfValue reads a number with its unit. Plugins in some languages write a
// decimal comma.
func perfValue(text string) (perf, bool) {
	if text == "U" {
		return perf{value: math.NaN()}, true
	}
	end := 0
	for end < len(text) && strings.IndexByte("0123456789.,+-", text[end]) >= 0 {
		end++
	}
	if exponent := text[end:]; len(exponent) > 2 && (exponent[0] == 'e' || exponent[0] == 'E') && strings.IndexByte("+-", exponent[1]) >= 0 {
		end += 2
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
	}
	n, err := strconv.ParseFloat(strings.Replace(text[:end], ",", ".", 1), 64)
	if err != nil || math.IsInf(n, 0) {
		return perf{}, false
	}
	return perf{value: n, unit: text[end:]}, true
}

// base is the value in seconds, bytes or percents, by its unit. Prefixes of
// bytes count in 1024, as the plugins do.
func (p perf) base() float64 {
	switch p.unit {
	case "ms":
		return p.value / 1e3
	case "us":
		return p.value / 1e6
	}
	if power := strings.Index("BKMGTP", strings.TrimSuffix(p.unit, "B")); power > 0 && strings.HasSuffix(p.unit, "B") && len(p.unit) == 2 {
		return p.value * math.Pow(1024, float64(power))
	}
	return p.value
}
