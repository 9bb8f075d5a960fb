// Package schedule says when a check is read: in the minutes of a clock on the
// wall that crontab-like lines name, or in all but some. It is pure; whoever
// asks brings the time.
package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// ErrLine is for a text that is no line of a schedule.
var ErrLine = errors.New("not a schedule")

// maxLine bounds a line, in bytes.
const maxLine = 256

// Line is one line of a schedule: five fields as in crontab(5), or a word such
// as @hourly. The zero Line matches no minute.
type Line struct {
	text                              string
	minute, hour, day, month, weekday uint64
	// either says that day and weekday are both restricted: then one of them
	// is enough (crontab(5)).
	either bool
}

// String is the line as it was written.
func (l Line) String() string { return l.text }

// field is one of the five fields.
type field struct {
	name        string
	least, most int
	names       []string // of least, least+1, …
}

// fields are those of a line, in their order (crontab(5)). Sunday is 0 and 7.
func fields() [5]field {
	return [5]field{
		{"minute", 0, 59, nil},
		{"hour", 0, 23, nil},
		{"day", 1, 31, nil},
		{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{"weekday", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

// Parse reads a line: minute, hour, day of the month, month and weekday, each
// a "*", a number, a name, a range "8-19", a step "*/5" or a list of them; or
// @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. The error
// wraps ErrLine and names the field, what was found and what is allowed.
func Parse(text string) (Line, error) {
	if len(text) > maxLine {
		return Line{}, fmt.Errorf("%w: it has more than %d bytes", ErrLine, maxLine)
	}
	written := text
	if strings.HasPrefix(strings.TrimSpace(text), "@") {
		var err error
		if text, err = word(strings.ToLower(strings.TrimSpace(text))); err != nil {
			return Line{}, err
		}
	}
	parts := strings.Fields(text)
	if len(parts) != 5 {
		return Line{}, wrongCount(parts)
	}
	var sets [5]uint64
	for i, f := range fields() {
		set, err := f.parse(parts[i])
		if err != nil {
			return Line{}, fmt.Errorf("%w: %w", ErrLine, err)
		}
		sets[i] = set
	}
	if sets[4]&(1<<7) != 0 {
		sets[4] |= 1
	}
	return Line{
		text: strings.Join(strings.Fields(written), " "), minute: sets[0], hour: sets[1], day: sets[2],
		month: sets[3], weekday: sets[4] & 0x7f,
		either: parts[2][0] != '*' && parts[4][0] != '*',
	}, nil
}

// word is the line that a word stands for.
func word(text string) (string, error) {
	switch text {
	case "@hourly":
		return "0 * * * *", nil
	case "@daily", "@midnight":
		return "0 0 * * *", nil
	case "@weekly":
		return "0 0 * * 0", nil
	case "@monthly":
		return "0 0 1 * *", nil
	case "@yearly", "@annually":
		return "0 0 1 1 *", nil
	}
	return "", fmt.Errorf("%w: %q is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually", ErrLine, text)
}

func wrongCount(parts []string) error {
	hint := ""
	switch {
	case len(parts) == 6 || len(parts) == 7:
		hint = "; there are no seconds and no years"
	case len(parts) == 1 && len(parts[0]) > 1:
		hint = `; every five minutes is "*/5 * * * *"`
	}
	return fmt.Errorf("%w: it has five fields, minute hour day month weekday, not %d%s", ErrLine, len(parts), hint)
}

// parse reads one field: a list of ranges.
func (f field) parse(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		one, err := f.span(part)
		if err != nil {
			return 0, err
		}
		set |= one
	}
	return set, nil
}

// span reads "*", "8", "8-19", "*/5", "8-19/2" or "8/2", which is 8 to the end.
func (f field) span(text string) (uint64, error) {
	base, step, stepped := strings.Cut(text, "/")
	every := 1
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 || n > f.most {
			return 0, fmt.Errorf("%s %q: a step is a number from 1 to %d", f.name, text, f.most)
		}
		every = n
	}
	from, to := f.least, f.most
	first, last, isRange := strings.Cut(base, "-")
	if base != "*" {
		var err error
		if from, err = f.value(first); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if to, err = f.end(last, from); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
		if to < from {
			return 0, fmt.Errorf("%s %q goes backwards: write %q", f.name, base, f.forwards(first, last))
		}
	} else if f.most == 7 {
		to = 6 // Sunday counts once
	}
	var set uint64
	for n := from; n <= to; n += every {
		set |= 1 << n
	}
	return set, nil
}

// end is the end of a range; Sunday is 7 there, so that "sat-sun" is a range.
func (f field) end(text string, from int) (int, error) {
	n, err := f.value(text)
	if n == 0 && f.most == 7 && from > 0 {
		n = 7
	}
	return n, err
}

// forwards are the ranges that one which goes backwards stands for.
func (f field) forwards(first, last string) string {
	most, least := strconv.Itoa(f.most), strconv.Itoa(f.least)
	if f.names != nil {
		least = f.names[0]
		most = f.names[len(f.names)-1]
	}
	return first + "-" + most + "," + least + "-" + last
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(name, text) {
			return f.least + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.least || n > f.most || text[0] == '+' || text[0] == '-' {
		names := ""
		if f.names != nil {
			names = fmt.Sprintf(" or a name from %s to %s", f.names[0], f.names[len(f.names)-1])
		}
		return 0, fmt.Errorf("%s %q: it is a number from %d to %d%s, a range such as %s, a step such as */2, a list of these, or *", f.name, text, f.least, f.most, names, f.example())
	}
	return n, nil
}

func (f field) example() string {
	if f.names != nil {
		return f.names[1] + "-" + f.names[5]
	}
	return fmt.Sprintf("%d-%d", f.least+1, f.least+5)
}

// on says whether the line matches on a day.
func (l *Line) on(d date) bool {
	if l.month&(1<<d.month) == 0 {
		return false
	}
	day, weekday := l.day&(1<<d.day) != 0, l.weekday&(1<<d.weekday) != 0
	if l.either {
		return day || weekday
	}
	return day && weekday
}

// lowest is the number of the lowest minute of a set that is not empty.
func lowest(set uint64) int { return bits.TrailingZeros64(set) }
