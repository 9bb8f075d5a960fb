package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin"
	"tocsin/internal/control"
	"tocsin/templates"
)

// The colors of a terminal (ECMA-48 SGR).
const (
	red     = "\x1b[1;31m"
	yellow  = "\x1b[33m"
	faint   = "\x1b[2m"
	plainly = "\x1b[0m"
)

// maxSilenceRows is how many silences stand above the checks.
const maxSilenceRows = 10

// statusTable is the state of all checks, the worst first, 80 columns wide.
func statusTable(s control.Status, colored bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, clip(headline(s), tableWidth))
	for _, missing := range s.Missing {
		fmt.Fprintln(&b, clip("! "+printable(missing), tableWidth))
	}
	for _, server := range s.Mail.Servers {
		if !server.PausedUntil.IsZero() {
			fmt.Fprintln(&b, clip(fmt.Sprintf("! mail server %s is paused for %s: %s", server.Name, short(server.PausedUntil.Sub(s.Now)), printable(server.Reason)), tableWidth))
		}
	}
	for n, x := range s.Silences {
		if n == maxSilenceRows {
			fmt.Fprintf(&b, "~ … and %d more: tocsin silence list\n", len(s.Silences)-n)
			break
		}
		line := fmt.Sprintf("~ %s silenced for %s (%s)", oneLine(x.About), templates.Span(x.Until.Sub(s.Now)), titled(x))
		if x.Reason != "" {
			line += ": " + oneLine(x.Reason)
		}
		fmt.Fprintln(&b, clip(line, tableWidth))
	}
	for _, h := range s.Heartbeats {
		switch {
		case h.Held != "":
			fmt.Fprintln(&b, clip(fmt.Sprintf("! heartbeat %s is not sent: %s", h.Name, oneLine(h.Held)), tableWidth))
		case !h.FailingSince.IsZero():
			fmt.Fprintln(&b, clip(fmt.Sprintf("! heartbeat %s has failed for %s: %s", h.Name, short(s.Now.Sub(h.FailingSince)), oneLine(h.Reason)), tableWidth))
		}
	}
	if len(s.Checks) == 0 {
		return b.String()
	}
	checks := slices.Clone(s.Checks)
	slices.SortStableFunc(checks, func(x, y control.Check) int { return urgency(y) - urgency(x) })
	const sinceWidth = 6
	stateWidth := len("CRITICAL")
	nameWidth := len("CHECK")
	for _, c := range checks {
		stateWidth = max(stateWidth, len(stateWord(c)))
		nameWidth = min(28, max(nameWidth, utf8.RuneCountInString(c.Kind+" "+c.Name)))
	}
	rest := tableWidth - stateWidth - nameWidth - sinceWidth - 3
	fmt.Fprintf(&b, "%-*s %-*s %-*s %s\n", stateWidth, "STATE", nameWidth, "CHECK", sinceWidth, "SINCE", "WHAT")
	for _, c := range checks {
		since := ""
		if !c.Since.IsZero() {
			since = short(s.Now.Sub(c.Since))
		}
		state := pad(stateWord(c), stateWidth)
		if colored {
			state = shade(c) + state + plainly
		}
		line := fmt.Sprintf("%s %s %s %s", state, pad(printable(c.Kind+" "+c.Name), nameWidth), pad(since, sinceWidth), clip(oneLine(c.What), rest))
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	return b.String()
}

// headline says how it is altogether.
func headline(s control.Status) string {
	bad, left := 0, 0
	for _, c := range s.Checks {
		if notFine(c) {
			bad++
		}
		if c.State == control.Unmonitored {
			left++
		}
	}
	text := fmt.Sprintf("%s: %s, all fine", s.Host, amount(len(s.Checks), "check"))
	switch {
	case len(s.Checks) == 0:
		text = s.Host + ": no checks"
	case bad > 0:
		text = fmt.Sprintf("%s: %d of %s not fine", s.Host, bad, amount(len(s.Checks), "check"))
	}
	if left > 0 {
		text += fmt.Sprintf(", %d unmonitored", left)
	}
	if s.Mail.Waiting > 0 {
		text += fmt.Sprintf(", %d waiting to be mailed", s.Mail.Waiting)
	}
	return text + fmt.Sprintf(" (tocsin %s, up %s)", s.Version, short(s.Now.Sub(s.Started)))
}

// stateWord is a check's state as people look for it: what has failed by how
// much it matters.
func stateWord(c control.Check) string {
	switch {
	case c.State == control.Failed && c.Severity == tocsin.Critical:
		return "CRITICAL"
	case c.State == control.Failed && c.Severity == tocsin.Warning:
		return "WARNING"
	case c.State == control.Failed:
		return "info"
	case c.State == control.Unread:
		return "unread"
	default:
		return string(c.State)
	}
}

func shade(c control.Check) string {
	switch {
	case c.State == control.Failed && c.Severity == tocsin.Critical:
		return red
	case notFine(c), c.State == control.Pending:
		return yellow
	default:
		return faint
	}
}

// urgency is larger for what is to be looked at first.
func urgency(c control.Check) int {
	switch c.State {
	case control.Failed:
		return 10 + int(c.Severity)
	case control.Held, control.NoData:
		return 9
	case control.Unmonitored:
		if notFine(c) {
			return 9
		}
		return 2
	case control.Pending:
		return 8
	case control.Unread:
		return 1
	default:
		return 0
	}
}

// short is a time in one unit, as a table has room for: "12m", "3d".
func short(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// oneLine is text in one line, safe for a terminal.
func oneLine(text string) string {
	return strings.Join(strings.Fields(printable(text)), " ")
}

// clip cuts text to a width.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + "…"
}

// pad is clip, filled up with blanks.
func pad(text string, width int) string {
	text = clip(text, width)
	return text + strings.Repeat(" ", width-utf8.RuneCountInString(text))
}
