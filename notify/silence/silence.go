// Package silence says what nobody wants to be told of for a while: because a
// person said so, or because it is the time of a maintenance. Nothing is lost
// by it: what happens meanwhile waits in the spool and is told in one mail at
// the end.
package silence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/schedule"
)

// Longest is how long a silence may be: one that is forgotten is how a failure
// goes unnoticed.
const Longest = 31 * 24 * time.Hour

// About is which events a silence or a maintenance is about. The zero About is
// about none.
type About struct {
	// All means every event but those that say that mail was lost.
	All bool `json:"all,omitempty"`
	// Names are those of checks, as NAME or KIND.NAME. A name without a dot means
	// the kind of that name too, for silences of a version that had no Kinds.
	Names []string `json:"names,omitempty"`
	// Kinds are those of checks.
	Kinds []string `json:"kinds,omitempty"`
	// Groups are those of checks.
	Groups []string `json:"groups,omitempty"`
}

// Covers says whether an event of the check is meant.
func (a About) Covers(kind, check string, groups []string) bool {
	if a.All {
		return true
	}
	for _, name := range a.Names {
		if name == kind || tocsin.GoesBy(kind, check, name) {
			return true
		}
	}
	if slices.Contains(a.Kinds, kind) {
		return true
	}
	return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(a.Groups, g) })
}

// isZero says that it is about nothing.
func (a About) isZero() bool { return !a.All && len(a.Names)+len(a.Kinds)+len(a.Groups) == 0 }

// only says that it is about a name alone: of a check, a kind or a group.
func (a About) only(name string) bool {
	return !a.All && slices.Equal(slices.Concat(a.Names, a.Kinds, a.Groups), []string{name})
}

// checksOf says that it is about checks of one name alone, each with its kind.
func (a About) checksOf(name string) bool {
	return !a.All && len(a.Names) > 0 && len(a.Kinds)+len(a.Groups) == 0 && !slices.ContainsFunc(a.Names, func(n string) bool {
		_, check, _ := strings.Cut(n, ".")
		return check != name
	})
}

// String is what people read: "process.nginx, kind filesystem", or "everything".
func (a About) String() string {
	if a.All {
		return "everything"
	}
	names := slices.Clone(a.Names)
	for _, k := range a.Kinds {
		names = append(names, "kind "+k)
	}
	for _, g := range a.Groups {
		names = append(names, "group "+g)
	}
	return strings.Join(names, ", ")
}

// Maintenance is a time that comes back, in which nobody is told.
type Maintenance struct {
	Name string
	About
	// Schedule names the minutes in which it begins. Two of them are never
	// closer than Duration.
	Schedule schedule.Schedule
	Duration time.Duration
	Reason   string
}

// Window is when the maintenance that now is within began and ends; ok is false
// when now is within none.
func (m Maintenance) Window(now time.Time) (from, until time.Time, ok bool) {
	at := m.Schedule.Next(now.Add(-m.Duration))
	for !at.IsZero() && !at.After(now) {
		if until := at.Add(m.Duration); until.After(now) {
			return at, until, true
		}
		at = m.Schedule.Next(at.Add(time.Minute))
	}
	return time.Time{}, time.Time{}, false
}

// Spell is one stretch of silence.
type Spell struct {
	// Name is what people end it by: the number of a silence, or the name of a
	// maintenance.
	Name string `json:"name"`
	// Maintenance says that a block of the rule file brought it about.
	Maintenance bool `json:"maintenance,omitempty"`
	About
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"` // who asked for it
}

// Key names the spell for ever, also when its name is used again.
func (s Spell) Key() string {
	word := "silence"
	if s.Maintenance {
		word = "maintenance"
	}
	return fmt.Sprintf("%s %s %d", word, s.Name, s.From.Unix())
}

// String says what it is, in the words of a mail.
func (s Spell) String() string {
	text := "silence " + s.Name
	if s.Maintenance {
		text = "maintenance " + s.Name
	}
	layout := time.DateTime
	if s.From.Local().Format(time.DateOnly) == s.Until.Local().Format(time.DateOnly) {
		layout = time.TimeOnly
	}
	text += fmt.Sprintf(" of %s, from %s to %s", s.About, s.From.Local().Format(time.DateTime), s.Until.Local().Format(layout))
	if s.By != "" {
		text += ", by " + s.By
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// in says whether the spell is in force. One whose end is farther than any may
// be was made before the clock went back.
func (s Spell) in(now time.Time) bool {
	return s.Until.After(now) && s.Until.Sub(now) <= Longest+time.Hour
}
