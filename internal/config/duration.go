package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	day         = 24 * time.Hour
	week        = 7 * day
	maxDuration = 3653 * day // ten years
)

// ErrDuration is for a text that is no duration.
var ErrDuration = errors.New("not a duration")

var durationPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)`)

// ParseDuration reads "90s", "5m", "1h30m", "2h", "1d" or "1w": what
// time.ParseDuration takes, with days and weeks, without signs and units below
// a millisecond. It is more than 0 and at most ten years. The error wraps
// ErrDuration and does not repeat the text.
func ParseDuration(text string) (time.Duration, error) {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": week}
	var total time.Duration
	rest := strings.TrimSpace(text)
	if rest == "" || len(rest) > 64 {
		return 0, fmt.Errorf(`%w: write a number and its unit, such as "90s", "5m", "2h" or "1d"`, ErrDuration)
	}
	for rest != "" {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf(`%w: write a number and its unit, such as "90s", "5m", "2h" or "1d"`, ErrDuration)
		}
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil || n*float64(units[part[2]]) > float64(maxDuration) {
			return 0, fmt.Errorf("%w: at most ten years", ErrDuration)
		}
		total += time.Duration(n * float64(units[part[2]]))
		if total > maxDuration {
			return 0, fmt.Errorf("%w: at most ten years", ErrDuration)
		}
		rest = rest[len(part[0]):]
	}
	if total <= 0 {
		return 0, fmt.Errorf("%w: it must be more than 0", ErrDuration)
	}
	return total, nil
}

// durationText writes a duration as a rule file does: "5m", "1h30m", "1d".
func durationText(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.unit
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
