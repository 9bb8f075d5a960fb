// Package act carries out actions on services: by programs, and by jobs of the
// service manager. It decides nothing.
package act

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"tocsin"
	"tocsin/internal/program"
	"tocsin/internal/systemd"
)

// Program is an action that is a program. The zero value is none.
type Program struct {
	program.Program
	Bus systemd.Bus // of the service manager that systemctl asks
}

// Do runs the program for an event, and returns what it printed. Its name
// without a slash is looked for where a shell of root would. When it is systemctl
// that starts or restarts a unit, and systemd is at that unit already, it is not
// run, and the error is a LeftAlone.
func (p Program) Do(ctx context.Context, ev *tocsin.Event) (said string, err error) {
	run := p.Program
	if !strings.Contains(run.Args[0], "/") {
		path, err := program.Find(run.Args[0])
		if err != nil {
			return "", err
		}
		run.Args = append([]string{path}, run.Args[1:]...)
	}
	if unit, ok := unitOf(run.Args); ok {
		if err := p.Bus.UnderWay(ctx, unit); err != nil {
			return "", LeftAlone{err}
		}
	}
	result := run.Run(ctx, ev)
	if result.Output != "" {
		said = run.Args[0] + ":\n  " + strings.ReplaceAll(result.Output, "\n", "\n  ")
	}
	if failed, ok := errors.AsType[*program.StartError](result.Err); ok {
		return said, fmt.Errorf("%s: %w", run.Args[0], failed.Err)
	}
	return said, result.Err
}

// unitOf is the unit that a command starts or restarts with systemctl(1); false
// for any other command. A name without a kind is that of a service.
func unitOf(args []string) (unit string, ok bool) {
	if filepath.Base(args[0]) != "systemctl" {
		return "", false
	}
	var words []string
	for _, word := range args[1:] {
		if !strings.HasPrefix(word, "-") {
			words = append(words, word)
		}
	}
	if len(words) != 2 || words[0] != "start" && words[0] != "restart" {
		return "", false
	}
	if unit = words[1]; !systemd.IsUnitName(unit) {
		unit += ".service"
	}
	return unit, systemd.IsUnitName(unit)
}
