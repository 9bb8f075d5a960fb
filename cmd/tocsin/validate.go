package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/durable"
)

func newValidateCommand(opt *options) *cobra.Command {
	var who told
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Show every problem of a rule file",
		Long: `Show every problem of a rule file or directory, with the line that it is in. It
works offline: no user, program, mount or secret of the watched host is needed.
Exit code 0 when the file can be used, 78 when not. With --told it also says for
each rule who hears of its failure, by the routes of this hour or of another.
With --strict files that others may write are refused, as by run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				opt.config = args[0]
			}
			return validate(opt, who, strict)
		},
	}
	addJSONFlag(cmd, opt)
	cmd.Flags().BoolVar(&strict, "strict", false, "refuse files that other users may write")
	who.flags(cmd)
	return cmd
}

func addJSONFlag(cmd *cobra.Command, opt *options) {
	cmd.Flags().BoolVar(&opt.json, "json", false, "print JSON")
}

func validate(opt *options, who told, strict bool) error {
	options := config.Options{Secrets: config.Optional, Strict: strict, StateDir: opt.state}
	if opt.json {
		_, problems := config.Load(opt.config, options)
		fmt.Fprintf(opt.std.out, "%s\n", problems.JSON())
		if problems.HasErrors() {
			return &exitError{exitBadConfig, nil}
		}
		return nil
	}
	cfg, err := opt.loadFor(options)
	if err != nil {
		return err
	}
	fmt.Fprintf(opt.std.out, "valid: %s\n", status(cfg))
	if cfg.Defaults {
		fmt.Fprintln(opt.std.out, defaultsLine)
	}
	return who.write(opt.std.out, cfg, time.Now())
}

func newFmtCommand(opt *options) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Write rule files in the canonical form",
		Long: `Write rule files in the canonical form, in place; a symbolic link
stays one. "-" reads from standard input and writes to standard output. With
--check nothing is written, files that would change are named, and the exit code
is 1 if there are any.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return formatFiles(opt, args, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only name the files that would change")
	return cmd
}

func formatFiles(opt *options, paths []string, check bool) error {
	changed := false
	for _, path := range paths {
		src, err := readRuleFile(opt, path)
		if err != nil {
			return failed(err)
		}
		formatted, problems := config.Format(src, path)
		if problems.HasErrors() {
			problems.Write(opt.std.err, isTerminal(opt.std.err), terminalWidth)
			return &exitError{exitBadConfig, nil}
		}
		switch {
		case path == "-" && !check:
			fmt.Fprintf(opt.std.out, "%s", formatted)
		case bytes.Equal(src, formatted):
		case check:
			changed = true
			fmt.Fprintln(opt.std.out, path)
		default:
			if err := rewrite(path, formatted); err != nil {
				return failed(err)
			}
			fmt.Fprintln(opt.std.out, path)
		}
	}
	if changed {
		return &exitError{exitFailed, nil}
	}
	return nil
}

func readRuleFile(opt *options, path string) ([]byte, error) {
	if path == "-" {
		return readAll(opt.std.in, maxInput)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("format %s: it is a directory, and files are formatted: tocsin fmt %s", path, filepath.Join(path, "*.hcl"))
	}
	return readAll(f, maxInput)
}

// rewrite replaces a file and keeps its mode. A symbolic link stays: what it leads
// to is replaced.
func rewrite(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, data); err != nil {
		return err
	}
	return os.Chmod(path, info.Mode().Perm())
}
