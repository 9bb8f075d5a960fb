package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/durable"
	"tocsin/internal/machine"
	"tocsin/internal/systemd"
)

// newBootmarkCommand is what tocsin-bootmark.service runs. It reads no rule
// file: it must work when everything else is broken.
func newBootmarkCommand() *cobra.Command {
	path := machine.MarkPath
	cmd := &cobra.Command{
		Use:   "bootmark start|stop",
		Short: "Mark that the machine came up, or goes down in order (for tocsin-bootmark.service)",
		Long: `Keep the mark by which the next boot knows whether this one ended in order.
tocsin-bootmark.service runs it before the first service starts and after the
last one has stopped.`,
		Hidden:    true,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"start", "stop"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return failed(bootmark(cmd.Context(), path, args[0]))
		},
	}
	cmd.Flags().StringVar(&path, "file", path, "file of the mark")
	return cmd
}

func bootmark(ctx context.Context, path, verb string) error {
	if err := durable.MakeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("bootmark: %w", err)
	}
	if verb == "start" {
		return machine.MarkStart(path, "/proc", time.Now())
	}
	return machine.MarkStop(ctx, path, "/proc", systemd.Bus{}, time.Now())
}
