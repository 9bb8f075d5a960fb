package boot

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/systemd"
)

// Telling is what an event about a boot says besides the verdict. Whatever is
// left at its zero value is not mentioned.
type Telling struct {
	Now    time.Time
	Zone   *time.Location // nil: that of the process
	Kernel string         // of the running boot
	Took   time.Duration  // from the kernel's start to the last unit's
	Failed []string       // units that have failed in this boot
	Last   []string       // last lines of the boot that ended, the last 20 are kept
	// Program is what a program of the operator's said about the boot.
	Program string
}

// The bounds of the lists.
const (
	maxLast   = 20
	maxFailed = 10
)

// Event is the event about a new boot or a first start; for the same boot see
// Instance. It is pure, and its id depends on nothing but the boot, so that it
// can be made again. It is Info when the machine went down in order and at a
// first start, else a Warning.
//
// The first line of the description is a headline, fit for a subject.
func (v Verdict) Event(host string, f Telling) tocsin.Event {
	e := tocsin.Event{
		ID: tocsin.Identify("boot", string(v.Key)), Type: tocsin.Boot, Name: "Boot", Host: host, Kind: "system", Check: "system",
		Rule: "boot", Action: "alert", At: f.Now, Description: v.describe(f),
	}
	if v.Soft {
		e.ID = tocsin.Identify("soft boot", string(v.Key), v.moment())
	}
	if v.Before != "" {
		e.Incident = Cycle(v.Before)
	}
	if v.Case != FirstStart && v.Ending != Clean {
		e.Severity = tocsin.Warning
	}
	return e
}

// moment tells the soft reboots of one boot apart.
func (v *Verdict) moment() string { return strconv.FormatInt(v.Booted.UnixNano(), 10) }

func (v *Verdict) describe(f Telling) string {
	p := page{headline: v.headline()}
	about := ""
	if v.About {
		about = "about "
	}
	if at := clock(v.End, f.Zone); at != "" {
		p.line("Went down:", about+at)
	}
	p.line("Came up:", clock(v.Up, f.Zone))
	p.line("Down:", v.down())
	p.line("Reason:", v.reason())
	p.line("Kernel:", changed(printable(v.Kernel, maxShort), printable(f.Kernel, maxShort)))
	if f.Took > 0 {
		p.line("Boot took:", span(f.Took))
	}
	p.line("Agent:", v.agentWas(f.Zone))
	p.line("Failed units:", list(f.Failed))
	p.block("Last lines of the boot that ended:", printableLines(f.Last, maxLast))
	p.block("The program said:", programLines(f.Program))
	return p.String()
}

// headline says in a few words what happened.
func (v *Verdict) headline() string {
	if v.Case == FirstStart {
		return "first start of Tocsin, nothing is known of the time before"
	}
	down := ""
	if d := v.down(); d != "" {
		down = "down " + d
	}
	switch v.Ending {
	case Clean:
		return joined(", ", "clean "+noun(v.Going.Kind), down)
	case Unclean:
		return joined(", ", "NOT CLEAN", printable(v.Cause, maxShort), down)
	default:
		return joined(", ", "not known how it went down", down)
	}
}

// down is how long the machine was down, empty if unknown.
func (v *Verdict) down() string {
	switch {
	case v.End.IsZero():
		return ""
	case v.About:
		return "about " + span(v.Down)
	default:
		return span(v.Down)
	}
}

// reason is the evidence, or who asked for a clean ending.
func (v *Verdict) reason() string {
	if v.Why == "" && v.Ending == Clean {
		return askedFor(v.Going)
	}
	return printable(v.Why, maxWhy+3*maxLine)
}

// agentWas says what had become of the agent, empty if it ended with the
// machine.
func (v *Verdict) agentWas(zone *time.Location) string {
	at := clock(v.Since, zone)
	switch v.Agent {
	case AgentCrashed:
		return joined(", ", "had ended without a word before", prefixed("last seen ", at))
	case AgentRestarted:
		return joined(", ", "was being restarted", prefixed("at ", at))
	case AgentStopped:
		return joined(", ", "was stopped before", prefixed("at ", at))
	case AgentAbsent:
		return joined(", ", "did not run in that boot", prefixed("last seen ", at))
	case AgentDamaged:
		return "its record of that boot is damaged"
	default:
		return ""
	}
}

// Shutdown is the event that the machine goes down, the nth of its boot. up is
// how long the machine has been up, zero if unknown. A forced one is a
// Warning.
func Shutdown(host string, key Key, n int, g systemd.Going, up time.Duration, now time.Time) tocsin.Event {
	var p page
	switch {
	case g.Forced:
		p.headline = "forced " + noun(g.Kind)
	case g.Kind == "" || g.Kind == systemd.Shutdown:
		p.headline = "going down"
	default:
		p.headline = noun(g.Kind)
	}
	reason := askedFor(g)
	if g.Forced {
		reason = joined("; ", "forced: services are not stopped in order", reason)
	}
	p.line("Reason:", reason)
	if up > 0 {
		p.line("Uptime:", span(up))
	}
	e := tocsin.Event{
		ID: tocsin.Identify("shutdown", string(key), strconv.Itoa(n)), Type: tocsin.Shutdown, Name: "Shutdown", Host: host,
		Kind: "system", Check: "system", Rule: "shutdown", Action: "alert", At: now, Description: p.String(), Incident: Cycle(key),
	}
	if g.Forced {
		e.Severity = tocsin.Warning
	}
	return e
}

// Cycle is the incident of a boot's end: the mail about its shutdown and the
// one about the boot that follows are one thread.
func Cycle(ended Key) string { return tocsin.Identify("cycle", string(ended)) }

// page is a description: a headline, aligned lines and blocks of lines.
type page struct {
	headline string
	body     strings.Builder
}

// line adds a line if there is a value.
func (p *page) line(label, value string) {
	if value != "" {
		fmt.Fprintf(&p.body, "%-14s %s\n", label, value)
	}
}

// block adds lines under a heading, if there are any.
func (p *page) block(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(&p.body, "\n%s\n", heading)
	for _, line := range lines {
		fmt.Fprintf(&p.body, "  %s\n", line)
	}
}

// String is the whole without a line end after it.
func (p *page) String() string {
	return strings.TrimRight(p.headline+"\n"+p.body.String(), "\n")
}

// changed is "before → after", or one of them if that is all there is to say.
func changed(before, after string) string {
	switch {
	case before == "" || before == after:
		return after
	case after == "":
		return before + " before"
	default:
		return before + " → " + after
	}
}

// list names the first of some units and counts the others.
func list(names []string) string {
	var shown []string
	for _, name := range names[:min(len(names), maxFailed)] {
		shown = append(shown, printable(name, maxLine/4))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// programLines are the lines that a program printed, cut at maxProgram bytes.
func programLines(text string) []string {
	text = strings.ReplaceAll(text[:min(len(text), maxProgram)], "\r\n", "\n")
	return printableLines(strings.Split(text, "\n"), maxLast)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
