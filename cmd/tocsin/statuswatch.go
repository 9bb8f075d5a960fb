package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tocsin/internal/control"
)

// watchEvery is how often a watched status is shown again.
const watchEvery = 2 * time.Second

// courseLength is how many readings a course shows.
const courseLength = 24

// statusWatch shows the status until it is interrupted.
func statusWatch(ctx context.Context, opt *options, names []string) error {
	if opt.json {
		return &exitError{exitUsage, errors.New("status: --watch and --json exclude each other")}
	}
	courses := make(map[string]*course)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		s, err := askStatus(ctx, opt, names)
		screen := ""
		if err != nil {
			screen = printable(err.Error()) + "\n"
		} else {
			screen = statusTable(s, isTerminal(opt.std.out)) + drawn(courses, s)
		}
		if isTerminal(opt.std.out) {
			screen = "\x1b[H\x1b[J" + screen // home, and clear what is below
		}
		if _, err := io.WriteString(opt.std.out, screen); err != nil {
			return failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// course is what a metric has been.
type course struct {
	at     time.Time
	values []float64
}

// drawn adds the readings of a status to the courses and draws those that have
// one: a line for each check's first figure that moved.
func drawn(courses map[string]*course, s control.Status) string {
	var b strings.Builder
	for _, c := range s.Checks {
		line := ""
		for _, v := range c.Values {
			number, ok := v.Value.(float64)
			if !ok {
				continue
			}
			key := c.Kind + " " + c.Name + " " + v.Metric
			if courses[key] == nil {
				courses[key] = &course{}
			}
			courses[key].add(c.Read, number)
			if text := courses[key].draw(); text != "" && line == "" {
				line = fmt.Sprintf("%s %s %s", pad(printable(key), 40), text, v.Text)
			}
		}
		if line != "" {
			fmt.Fprintln(&b, clip(line, tableWidth))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

// add takes in a reading once.
func (c *course) add(at time.Time, v float64) {
	if !at.After(c.at) {
		return
	}
	c.at, c.values = at, append(c.values, v)
	c.values = c.values[max(0, len(c.values)-courseLength):]
}

// draw is the course between its least and its most; empty when it never moved.
func (c *course) draw() string {
	if len(c.values) == 0 {
		return ""
	}
	least, most := c.values[0], c.values[0]
	for _, v := range c.values {
		least, most = min(least, v), max(most, v)
	}
	if least == most {
		return ""
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	line := make([]rune, 0, courseLength)
	for _, v := range c.values {
		line = append(line, bars[int((v-least)/(most-least)*float64(len(bars)-1))])
	}
	return string(line)
}
