package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/engine"
)

// called is a check as people name it.
type called struct{ kind, name string }

// unknownCheck says that no check has a name, and which one is close to it.
func unknownCheck(name string, all []called) *control.Unknown {
	return &control.Unknown{Name: name, Text: fmt.Sprintf("no check named %q%s", name, meantBy(name, all))}
}

// meantBy asks for the check whose name is close to one that is none.
func meantBy(name string, all []called) string {
	var names, ids []string
	for _, c := range all {
		names, ids = append(names, c.name), append(ids, engine.CheckID(c.kind, c.name))
	}
	if likely := cmp.Or(config.Suggest(name, names), config.Suggest(name, ids)); likely != "" {
		return fmt.Sprintf(". Did you mean %q?", likely)
	}
	return ""
}

// unknownEvents are the names that no event, no check and no kind has, each as an
// error. Which checks there are says the agent, or the rule file where none runs.
func unknownEvents(ctx context.Context, opt *options, names []string) (unknown []error, err error) {
	kept, err := events(ctx, opt, time.Time{})
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, isKind := checks.Find(name)
		return isKind || slices.ContainsFunc(kept.Events, func(e tocsin.Event) bool { return isOf(e, name) })
	})
	if len(names) == 0 {
		return nil, nil
	}
	all, err := watchedNow(ctx, opt)
	if err != nil {
		return nil, err
	}
	near := slices.Clone(all)
	for _, e := range kept.Events {
		if one := (called{e.Kind, e.Check}); !slices.Contains(near, one) {
			near = append(near, one)
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(all, func(c called) bool { return tocsin.GoesBy(c.kind, c.name, name) }) {
			continue
		}
		unknown = append(unknown, fmt.Errorf("events: no check, kind or event is called %q%s", name, meantBy(name, near)))
	}
	return unknown, nil
}

// watchedNow are the checks of the agent, or of the rule file where none runs.
func watchedNow(ctx context.Context, opt *options) ([]called, error) {
	var all []called
	s, err := client(opt).Status(ctx, nil)
	if errors.Is(err, control.ErrNotRunning) {
		cfg, err := opt.peek(config.Optional)
		if err != nil {
			return nil, err
		}
		for _, c := range cfg.Checks {
			all = append(all, called{c.Kind, c.Name})
		}
		return all, nil
	}
	for _, c := range s.Checks {
		all = append(all, called{c.Kind, c.Name})
	}
	return all, err
}
