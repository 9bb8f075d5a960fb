package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/control"
	"tocsin/internal/engine"
	"tocsin/notify"
	"tocsin/notify/silence"
)

// silence has nobody told of some checks for a while.
func (a *agent) silence(r control.Request, by string) (control.Silence, error) {
	all := a.config.Load().Checks
	about, err := aboutOf(r.Names, all)
	if err != nil {
		return control.Silence{}, err
	}
	for _, kind := range r.Kinds {
		if _, known := checks.Find(kind); !known {
			return control.Silence{}, fmt.Errorf("silence: there is no kind %q", kind)
		}
	}
	about.All, about.Kinds, about.Groups = r.All, append(about.Kinds, r.Kinds...), r.Groups
	for _, group := range about.Groups {
		if !slices.ContainsFunc(all, func(c engine.Check) bool { return slices.Contains(c.Groups, group) }) {
			return control.Silence{}, fmt.Errorf("silence: no check is in a group %q", group)
		}
	}
	s, err := a.store.silences.Begin(about, r.Until, r.Reason, by, time.Now())
	if s.Name == "" {
		return control.Silence{}, err
	}
	a.log.Info("silenced", "silence", s.Name, "about", s.About.String(), "until", s.Until.Format(time.RFC3339), "by", by, "reason", s.Reason)
	return silenceOf(s, 0), err // it is in force, and may not be on disk
}

// aboutOf is what somebody means who names checks, as NAME or KIND.NAME, and kinds.
// What may be the one or the other is refused, where that makes a difference; else
// it is the check, and so it stays when a reload brings others of the kind.
func aboutOf(names []string, all []engine.Check) (about silence.About, err error) {
	for _, name := range names {
		var meant []string              // of the checks, with their kinds
		more := name == notify.UnitKind // units that no check watches have events of it
		for i := range all {
			switch c := &all[i]; {
			case tocsin.GoesBy(c.Kind, c.Name, name):
				if id := engine.CheckID(c.Kind, name); !slices.Contains(meant, id) {
					meant = append(meant, id)
				}
			case c.Kind == name:
				more = true
			}
		}
		switch _, isKind := checks.Find(name); {
		case isKind && len(meant) == 0:
			about.Kinds = append(about.Kinds, name)
		case isKind && more:
			return about, fmt.Errorf("silence: %q is a kind, and the name of %s: write %s for what has the name, or --kind %s (\"kinds\" of the socket) for the kind",
				name, strings.Join(meant, " and "), strings.Join(meant, " "), name)
		case isKind:
			about.Names = append(about.Names, meant...)
		case len(meant) == 0:
			return about, fmt.Errorf("silence: there is no check and no kind %q", name)
		default:
			about.Names = append(about.Names, name)
		}
	}
	return about, nil
}

// settle writes the list of silences where that could not be done before.
func (a *agent) settle() {
	if a.store.silences.Settle() {
		a.log.Info("the list of silences is on disk again")
	}
}

// unsilence ends the silences with the name, or all without one.
func (a *agent) unsilence(name, by string) ([]control.Silence, error) {
	held := a.heldBack()
	now := time.Now()
	var ended []silence.Spell
	var err error
	if name == "" {
		ended, err = a.store.silences.EndAll(now)
	} else {
		ended, err = a.store.silences.End(name, now)
	}
	out := []control.Silence{}
	for _, s := range ended {
		a.log.Info("silence ended", "silence", s.Name, "about", s.About.String(), "by", by)
		out = append(out, silenceOf(s, held[s.Key()]))
	}
	return out, err
}

// silences is what is silenced now.
func (a *agent) silences() control.Silences {
	all := control.Silences{API: control.APIVersion, Silences: []control.Silence{}}
	held := a.heldBack()
	for _, s := range a.store.silences.List(time.Now()) {
		all.Silences = append(all.Silences, silenceOf(s, held[s.Key()]))
	}
	return all
}

// heldBack counts the events that each silence holds back.
func (a *agent) heldBack() map[string]int {
	counts, seen := make(map[string]int), make(map[string]bool)
	for _, w := range a.store.spool.Waiting() {
		if s := w.Item.Silence; s != nil && !seen[w.Item.ID] {
			seen[w.Item.ID] = true
			counts[s.Key]++
		}
	}
	return counts
}

func silenceOf(s silence.Spell, waiting int) control.Silence {
	return control.Silence{
		Name: s.Name, Maintenance: s.Maintenance, About: s.About.String(), From: s.From, Until: s.Until, Reason: s.Reason, By: s.By, Waiting: waiting,
	}
}

// ack notes that somebody looks after some failures, or no longer does.
func (a *agent) ack(names []string, on bool, reason, by string) ([]control.Failure, error) {
	verb := engine.Unack
	if on {
		verb = engine.Ack
	}
	ctx, cancel := a.patient()
	defer cancel()
	before, err := a.engine.Status(ctx)
	if err != nil {
		return nil, err
	}
	acked := make(map[string]bool) // by the incident
	for _, c := range before {
		for _, r := range c.Rules {
			acked[r.State.Incident] = !r.State.Acked.At.IsZero()
		}
	}
	all, err := a.engine.Acknowledge(ctx, engine.Order{Verb: verb, Names: names, By: by, Reason: reason})
	meant := []control.Failure{}
	for _, f := range all {
		meant = append(meant, control.Failure{Rule: f.Rule, Incident: f.Incident, Acked: acked[f.Incident]})
	}
	return meant, err
}
