package boot

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of what comes from outside, in bytes. A mail shows 16 KiB of an
// event; a test holds that all of it together stays below.
const (
	maxShort   = 256     // a name, a version, a cause
	maxLine    = 400     // a line of a log
	maxWhy     = 1 << 10 // a reason, with a message of a person in it
	maxProgram = 2 << 10 // what a program said
)

// printable is text on one line and at most limit bytes long: valid UTF-8,
// with a question mark for every character that moves a cursor or ends a line.
func printable(text string, limit int) string {
	cut := len(text) > limit
	if cut {
		const mark = "…"
		limit -= len(mark)
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
	}
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?' // one byte, so that the text never grows
		default:
			return r
		}
	}, text))
	if cut {
		text += "…"
	}
	return text
}

// printableLines is printable for each of at most count lines of texts, empty
// ones left out. The last ones are kept.
func printableLines(texts []string, count int) []string {
	lines := make([]string, 0, min(len(texts), count))
	for _, text := range texts[max(0, len(texts)-count):] {
		if text = printable(text, maxLine); text != "" {
			lines = append(lines, text)
		}
	}
	return lines
}

// clock writes a moment as the mails do, with its zone; "" for none. A broken
// clock can make a year that no date holds: that is none, too.
func clock(t time.Time, zone *time.Location) string {
	if zone == nil {
		zone = time.Local
	}
	if t = t.In(zone); t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 -0700")
}

// span writes a duration with its two largest units: "45s", "12m", "1h5m",
// "2d4h". A negative one is "0s".
func span(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return units(d, time.Minute, time.Second, "m", "s")
	case d < day:
		return units(d, time.Hour, time.Minute, "h", "m")
	default:
		return units(d, day, time.Hour, "d", "h")
	}
}

func units(d, large, small time.Duration, largeName, smallName string) string {
	text := fmt.Sprintf("%d%s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf("%d%s", rest, smallName)
	}
	return text
}
