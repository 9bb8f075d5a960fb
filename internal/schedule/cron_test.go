package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/internal/schedule"
)

func parse(t *testing.T, texts ...string) []schedule.Line {
	t.Helper()
	var lines []schedule.Line
	for _, text := range texts {
		l, err := schedule.Parse(text)
		if err != nil {
			t.Fatalf("parse %q: %v", text, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestParse compares lines by the first moments that they name from Thursday,
// 1 January 2026 on.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"* * * * *", "01-01 00:00, 01-01 00:01, 01-01 00:02"},
		{"*/5 8-19 * * mon-fri", "01-01 08:00, 01-01 08:05, 01-01 08:10"},
		{"*/25 * * * *", "01-01 00:00, 01-01 00:25, 01-01 00:50"},
		{"50/5 * * * *", "01-01 00:50, 01-01 00:55, 01-01 01:50"},
		{"59 23 * * *", "01-01 23:59, 01-02 23:59, 01-03 23:59"},
		{"0 0 * * 7", "01-04 00:00, 01-11 00:00, 01-18 00:00"},
		{"0 0 * * 0", "01-04 00:00, 01-11 00:00, 01-18 00:00"},
		{"0 0 * * sat-sun", "01-03 00:00, 01-04 00:00, 01-10 00:00"},
		{"0 0 * * SUN-Mon", "01-04 00:00, 01-05 00:00, 01-11 00:00"},
		{"0 0 * * 5-7", "01-02 00:00, 01-03 00:00, 01-04 00:00"},
		{"0 0 * * */3", "01-03 00:00, 01-04 00:00, 01-07 00:00"},
		{"0 0 1,15 feb-mar *", "02-01 00:00, 02-15 00:00, 03-01 00:00"},
		{"0 0 13 * fri", "01-02 00:00, 01-09 00:00, 01-13 00:00"},  // one of them is enough
		{"0 0 */2 * fri", "01-09 00:00, 01-23 00:00, 02-13 00:00"}, // both, as a "*" restricts nothing
		{"0 0 31 2,3 *", "03-31 00:00, 2027-03-31 00:00, 2028-03-31 00:00"},
		{"0 0 29 2 *", "2028-02-29 00:00, 2032-02-29 00:00, 2036-02-29 00:00"},
		{" 10-20/5,0  */12 * * * ", "01-01 00:00, 01-01 00:10, 01-01 00:15"},
		{"@hourly", "01-01 00:00, 01-01 01:00, 01-01 02:00"},
		{"@daily", "01-01 00:00, 01-02 00:00, 01-03 00:00"},
		{"@Midnight", "01-01 00:00, 01-02 00:00, 01-03 00:00"},
		{"@weekly", "01-04 00:00, 01-11 00:00, 01-18 00:00"},
		{"@monthly", "01-01 00:00, 02-01 00:00, 03-01 00:00"},
		{"@yearly", "01-01 00:00, 2027-01-01 00:00, 2028-01-01 00:00"},
		{"@annually", "01-01 00:00, 2027-01-01 00:00, 2028-01-01 00:00"},
	} {
		s := schedule.Schedule{Every: parse(t, c.text), Zone: time.UTC}
		var got []string
		at := time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)
		for range 3 {
			at = s.Next(at)
			got = append(got, strings.TrimPrefix(at.Format("2006-01-02 15:04"), "2026-"))
			at = at.Add(time.Minute)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.text, text, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "it has five fields, minute hour day month weekday, not 0",
		"5m":                     `it has five fields, minute hour day month weekday, not 1; every five minutes is "*/5 * * * *"`,
		"0 */5 * * * *":          "it has five fields, minute hour day month weekday, not 6; there are no seconds and no years",
		"60 * * * *":             `minute "60": it is a number from 0 to 59, a range such as 1-5, a step such as */2, a list of these, or *`,
		"* 24 * * *":             `hour "24": it is a number from 0 to 23`,
		"* * 0 * *":              `day "0": it is a number from 1 to 31`,
		"* * * juli *":           `month "juli": it is a number from 1 to 12 or a name from jan to dec, a range such as feb-jun`,
		"* * * * monday":         `weekday "monday": it is a number from 0 to 7 or a name from sun to sat, a range such as mon-fri`,
		"* * * * 8":              `weekday "8"`,
		", * * * *":              `minute ""`,
		"1,,2 * * * *":           `minute ""`,
		"? * * * *":              `minute "?"`,
		"* * L * *":              `day "L"`,
		"-1 * * * *":             `minute ""`,
		"+1 * * * *":             `minute "+1"`,
		"1- * * * *":             `minute ""`,
		"*-5 * * * *":            `minute "*"`,
		"1-2-3 * * * *":          `minute "2-3"`,
		"*/0 * * * *":            `minute "*/0": a step is a number from 1 to 59`,
		"*/x * * * *":            `minute "*/x": a step is a number from 1 to 59`,
		"1/2/3 * * * *":          `minute "1/2/3": a step`,
		"* 22-6 * * *":           `hour "22-6" goes backwards: write "22-23,0-6"`,
		"* * * * fri-mon":        `weekday "fri-mon" goes backwards: write "fri-sat,sun-mon"`,
		"@reboot":                `"@reboot" is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually`,
		"@every 5m":              `"@every 5m" is none of`,
		strings.Repeat("*", 257): "it has more than 256 bytes",
	} {
		_, err := schedule.Parse(text)
		if !errors.Is(err, schedule.ErrLine) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// FuzzParse holds that a line that parses says when it comes, without end or
// panic, and never in a minute that it does not match.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"*/5 8-19 * * mon-fri", "@hourly", "0 0 30 2 *", "59 23 31 12 sat-sun", "1/2,3-4/5 * * jan,feb 7", "TZ=x"} {
		f.Add(text, int64(1_774_746_000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		l, err := schedule.Parse(text)
		if err != nil {
			if !errors.Is(err, schedule.ErrLine) {
				t.Errorf("got %v, want ErrLine", err)
			}
			return
		}
		if again, err := schedule.Parse(l.String()); err != nil || again != l {
			t.Errorf("%q: got %v, %v when its text is read again", text, again, err)
		}
		from := time.Unix(unix%(1<<32), 0)
		s := schedule.Schedule{Every: []schedule.Line{l}, Zone: time.UTC}
		mask := schedule.Schedule{Except: []schedule.Line{l}, Zone: time.UTC}
		next := s.Next(from)
		if next.IsZero() != (s.Gap() == 0) {
			t.Errorf("%q: next %v, gap %v", text, next, s.Gap())
		}
		if !next.IsZero() && (!mask.Masked(next) || next.Add(time.Minute).Before(from)) {
			t.Errorf("%q: next after %v is %v, which it does not match", text, from, next)
		}
	})
}
