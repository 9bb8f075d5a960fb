package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/internal/engine"
	"tocsin/internal/schedule"
)

const (
	maxLines      = 16
	maxStartDelay = day
)

// timetable reads in which minutes a check is read.
func (s *scope) timetable(c *engine.Check) {
	before := s.loader.problems.Len()
	c.Schedule.Zone = s.zone(s.loader.config.Agent.Zone)
	c.Schedule.Every = s.lines("every")
	c.Schedule.Except = s.lines("not_every")
	every, except := s.body.Attributes["every"], s.body.Attributes["not_every"]
	if every != nil && s.body.Attributes["interval"] != nil {
		s.fail(every.NameRange, "Attributes exclude each other", "\"every\" names the minutes in which the check is read, \"interval\" the time between two readings. Use one of them.")
	}
	if s.loader.problems.Len() != before {
		c.Schedule = schedule.Schedule{}
		return
	}
	gap := c.Schedule.Gap()
	switch {
	case gap == 0 && every == nil:
		s.fail(except.Expr.Range(), "Never read", "\"not_every\" names every minute there is, so the check is never read. Leave some, or take the check out.")
	case gap == 0:
		s.fail(except.Expr.Range(), "Never read", "\"not_every\" names every minute of \"every\", so the check is never read.")
	case c.Schedule.Timed():
		c.Interval = gap
	}
}

// lines reads an attribute that is one line of a schedule or a list of them.
func (s *scope) lines(name string) []schedule.Line {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	texts := []setting{}
	if _, isList := attr.Expr.(*hclsyntax.TupleConsExpr); isList {
		texts = s.texts(name)
		if len(texts) == 0 {
			s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one line, such as \"* 0-6 * * *\".", name)
		}
	} else if v := s.text(name); v.set {
		texts = append(texts, v)
	}
	if len(texts) > maxLines {
		s.fail(attr.Expr.Range(), "List too long", "%q lists at most %d lines.", name, maxLines)
		return nil
	}
	var lines []schedule.Line
	for _, v := range texts {
		if v.unknown {
			continue
		}
		line, err := schedule.Parse(v.text)
		if err != nil {
			s.badLine(name, v, err)
			continue
		}
		alone := schedule.Schedule{Every: []schedule.Line{line}}
		if alone.Never() {
			s.fail(v.at, "Never comes", "%s is on no day of any year: look at its day and month.", v.shown())
		}
		lines = append(lines, line)
	}
	return lines
}

func (s *scope) badLine(name string, v setting, err error) {
	hint := ""
	switch text := strings.TrimSpace(v.text); {
	case strings.HasPrefix(text, "@reboot"):
		hint = " For a mail at every boot there is hook \"boot\" {}."
	case strings.HasPrefix(text, "@every"):
		hint = " For the time between two readings there is \"interval\", such as interval = \"5m\"."
	case name == "every" && isDuration(text):
		hint = " A time between two readings is written interval = \"" + text + "\"."
	}
	detail := strings.TrimPrefix(err.Error(), schedule.ErrLine.Error()+": ")
	s.fail(v.at, "Invalid schedule", "%s is no schedule: %s.%s", v.shown(), detail, hint)
}

func isDuration(text string) bool {
	_, err := ParseDuration(text)
	return err == nil
}

// zone reads time_zone, or returns its default.
func (s *scope) zone(otherwise *time.Location) *time.Location {
	v := s.text("time_zone")
	if !v.set || v.unknown {
		return otherwise
	}
	find := s.loader.opt.Zone
	if strings.TrimSpace(v.text) != "" {
		if loc, err := find(v.text); err == nil {
			return loc
		}
	}
	// A zone that is always there tells a typing error from a host without any.
	if _, err := find("Europe/London"); err != nil && isZoneName(v.text) {
		const missing = "This host has no time zone data, so %s cannot be looked up. Install the package tzdata, or leave \"time_zone\" out for the host's own time."
		if s.loader.opt.Secrets == Optional {
			s.warn(v.at, "Value is not here", missing+" A running agent will need it.", v.shown())
		} else {
			s.fail(v.at, "No time zone data", missing, v.shown())
		}
		return otherwise
	}
	s.fail(v.at, "Unknown time zone", "%s is no time zone. It is a name as `timedatectl list-timezones` has it, with its capitals, such as \"Europe/Berlin\" or \"UTC\".", v.shown())
	return otherwise
}

// errNoZone is for a name that is looked for nowhere.
var errNoZone = errors.New("no name of a time zone")

// loadZone finds a zone in the host's files; a name never leaves their folder.
func loadZone(name string) (*time.Location, error) {
	if !isZoneName(name) {
		return nil, errNoZone
	}
	return time.LoadLocation(name)
}

// isZoneName says whether a text has the form of a zone's name.
func isZoneName(text string) bool {
	return text != "" && len(text) <= 64 && !slices.Contains(strings.Split(text, "/"), "") && strings.IndexFunc(text, func(r rune) bool {
		return r != '/' && r != '_' && r != '-' && r != '+' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// startDelay reads how long the agent waits before the first readings.
func (s *scope) startDelay() time.Duration {
	delay, at := s.duration("start_delay", 0)
	if delay > maxStartDelay {
		s.fail(at, "Invalid duration", "\"start_delay\" is at most %s.", durationText(maxStartDelay))
	}
	return delay
}
