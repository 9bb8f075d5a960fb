package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tocsin/internal/config"
)

// mailq lists what waits. A user who may not look is told so: the queue holds
// the mail of others.
func mailq(opt *options) error {
	dir := pickupDir()
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintln(opt.std.out, "The mail queue is shown to root and to the user of the agent only.")
		return nil
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(opt.std.out, "No mail of other programs is taken: there is no directory %s.\n", dir)
	case err != nil:
		return failed(err)
	default:
		waiting := 0
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				waiting++
			}
		}
		fmt.Fprintf(opt.std.out, "%d to be taken in by the agent from %s\n", waiting, dir)
	}
	cfg, problems := config.Load(opt.config, config.Options{Secrets: config.Optional, StateDir: opt.state})
	if problems.HasErrors() {
		fmt.Fprintln(opt.std.out, "The rest of the queue is not shown: there is no valid rule file (tocsin validate says why).")
		return nil
	}
	if cfg.Pickup.Dir != dir && cfg.Pickup.Dir != "" {
		fmt.Fprintf(opt.std.out, "The rule file names another directory, which was not looked at: %s. Set TOCSIN_PICKUP to it.\n", cfg.Pickup.Dir)
	}
	return queueList(opt)
}
