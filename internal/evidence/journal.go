package evidence

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/systemd"
)

const (
	// journalLines is how many lines of the journal are shown.
	journalLines = 15
	// journalAge is how old a line may be to say something of this moment.
	journalAge = time.Hour
	// settle is how long the journal may be behind what happened.
	settle = 100 * time.Millisecond
	// leastPriority is that of warnings (syslog(3)).
	leastPriority = 4
)

// Journal shows the last lines of the journal: those of the unit that the check
// is about, or else warnings and worse of everybody.
type Journal struct{ Journal systemd.Journal }

// Gather asks journalctl(1), at most twice.
func (s Journal) Gather(ctx context.Context, about About) Exhibit {
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	unit := about.Attribute
	if unit == "" && about.Kind == "process" {
		// A process is most often called as its unit; when there is no such
		// unit the journal has no lines of it.
		unit = about.Check + ".service"
	}
	if unit != "" {
		lines, err := s.Journal.Unit(ctx, unit, "", journalLines)
		if lines = recent(lines, time.Now()); len(lines) > 0 || about.Attribute != "" {
			return Exhibit{Heading: "Journal of " + unit + ", the last hour", Lines: shown(lines, false), Missing: why(err)}
		}
	}
	matches := make([]string, 0, leastPriority+1)
	for p := range leastPriority + 1 {
		matches = append(matches, "PRIORITY="+strconv.Itoa(p))
	}
	lines, err := s.Journal.Lines(ctx, journalLines, matches...)
	return Exhibit{Heading: "Journal, warnings and worse, the last hour", Lines: shown(recent(lines, time.Now()), true), Missing: why(err)}
}

// recent leaves out lines of long ago.
func recent(lines []systemd.JournalLine, now time.Time) []systemd.JournalLine {
	return slices.DeleteFunc(lines, func(l systemd.JournalLine) bool { return now.Sub(l.At) > journalAge })
}

// shown is lines as a reader of the journal knows them, with who wrote them.
func shown(lines []systemd.JournalLine, unit bool) []string {
	texts := make([]string, 0, len(lines))
	for _, l := range lines {
		who := l.Identifier
		if unit && l.Unit != "" && strings.TrimSuffix(l.Unit, ".service") != who {
			who += " (" + l.Unit + ")"
		}
		texts = append(texts, l.At.Local().Format(time.TimeOnly)+" "+who+": "+l.Message)
	}
	return texts
}
