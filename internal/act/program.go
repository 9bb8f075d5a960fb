// Package act carries out actions on services: by programs, and by jobs of the
// service manager. It decides nothing.
package act

import (
	"context"
	"strings"

	"tocsin"
	"tocsin/internal/program"
)

// Program is an action that is a program. The zero value is none.
type Program struct {
	program.Program
}

// Do runs the program for an event, and returns what it printed. Its name
// without a slash is looked for where a shell of root would.
func (p Program) Do(ctx context.Context, ev *tocsin.Event) (said string, err error) {
	run := p.Program
	if !strings.Contains(run.Args[0], "/") {
		path, err := program.Find(run.Args[0])
		if err != nil {
			return "", err
		}
		run.Args = append([]string{path}, run.Args[1:]...)
	}
	result := run.Run(ctx, ev)
	if result.Output != "" {
		said = run.Args[0] + ":\n  " + strings.ReplaceAll(result.Output, "\n", "\n  ")
	}
	return said, result.Err
}
