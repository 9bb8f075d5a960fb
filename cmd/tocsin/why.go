package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/engine"
)

// why is why the rules of the checks with the names are as they are, or of all.
func (a *agent) why(ctx context.Context, names []string) (control.Explanation, error) {
	x := control.Explanation{API: control.APIVersion, Host: a.config.Load().Agent.Host, Now: time.Now(), Agent: true, Checks: []control.ExplainedCheck{}}
	all, err := a.engine.Explain(ctx, func(kind, check string) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return tocsin.GoesBy(kind, check, name) })
	})
	if err != nil {
		return x, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c engine.CheckExplanation) bool { return tocsin.GoesBy(c.Kind, c.Name, name) }) {
			var there []called
			for _, c := range a.config.Load().Checks {
				there = append(there, called{c.Kind, c.Name})
			}
			return x, unknownCheck(name, there)
		}
	}
	groups := make(map[string][]string)
	for _, c := range a.config.Load().Checks {
		groups[c.ID()] = c.Groups
	}
	for _, c := range all {
		one := explainedCheck(c)
		if s, ok := a.store.silences.Of(c.Kind, c.Name, groups[engine.CheckID(c.Kind, c.Name)], x.Now); ok {
			one.Held = append(one.Held, fmt.Sprintf("nobody is told, for another %s: %s is silenced", short(s.Until.Sub(x.Now)), s.About))
		}
		x.Checks = append(x.Checks, one)
	}
	return x, nil
}

// explainedCheck puts an explanation into the words of the socket.
func explainedCheck(c engine.CheckExplanation) control.ExplainedCheck {
	x := control.ExplainedCheck{Kind: c.Kind, Name: c.Name, Read: c.Read, Held: joined(c.Held), Rules: []control.ExplainedRule{}}
	for _, r := range c.Rules {
		rule := control.ExplainedRule{Name: r.Name, Severity: r.Severity, State: control.OK, When: pieceOf(r.When), Missing: joined(r.Missing)}
		switch {
		case r.State.Failed:
			rule.State, rule.Since = control.Failed, r.State.Since
		case r.Says == engine.True:
			rule.State, rule.Since = control.Pending, r.Pending
		case r.Says == engine.Unknown:
			rule.State = control.NoData
		}
		if r.Clear.Text != "" {
			clear := pieceOf(r.Clear)
			rule.Clear = &clear
		}
		x.Rules = append(x.Rules, rule)
	}
	return x
}

func pieceOf(p engine.Part) control.Part {
	says := map[engine.Truth]control.Says{engine.True: control.SaysTrue, engine.False: control.SaysFalse, engine.Unknown: control.SaysUnknown}
	piece := control.Part{Text: p.Text, Says: says[p.Says], Why: p.Why, Join: p.Join}
	for _, part := range p.Parts {
		piece.Parts = append(piece.Parts, pieceOf(part))
	}
	return piece
}

// explainRules shows why the rules of checks are as they are: the running agent
// says it, and where none runs one reading does.
func explainRules(ctx context.Context, opt *options, names []string) error {
	x, err := client(opt).Explain(ctx, names)
	if errors.Is(err, control.ErrNotRunning) {
		fmt.Fprintln(opt.std.err, "no agent runs here: this is one reading, without history and without the state of the rules")
		x, err = explainOnce(ctx, opt, names)
	}
	if err != nil {
		return asFailed(err)
	}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(x))
	}
	_, err = io.WriteString(opt.std.out, explanationText(x))
	return failed(err)
}

// explainOnce explains one reading.
func explainOnce(ctx context.Context, opt *options, names []string) (control.Explanation, error) {
	x := control.Explanation{API: control.APIVersion, Now: time.Now(), Checks: []control.ExplainedCheck{}}
	cfg, err := opt.load(config.Optional)
	if err != nil {
		return x, err
	}
	x.Host = cfg.Agent.Host
	chosen, readings, err := readNow(ctx, opt, cfg, names)
	if err != nil {
		return x, err
	}
	for _, c := range chosen {
		view := viewOf(c, readings)
		one := engine.CheckExplanation{Kind: c.Kind, Name: c.Name, Read: view.Reading.At}
		if err := readings[c.ID()].err; err != nil {
			one.Held = []string{fmt.Sprintf("it cannot be read: %v", err)}
		}
		for i := range c.Rules {
			one.Rules = append(one.Rules, engine.ExplainRule(&c.Rules[i], engine.RuleState{}, view))
		}
		x.Checks = append(x.Checks, explainedCheck(one))
	}
	return x, nil
}

// explanationText is an explanation for people.
func explanationText(x control.Explanation) string {
	var b strings.Builder
	for i, c := range x.Checks {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s %q", c.Kind, printable(c.Name))
		if !c.Read.IsZero() {
			fmt.Fprintf(&b, ", read %s ago", short(x.Now.Sub(c.Read)))
		}
		b.WriteByte('\n')
		for _, why := range c.Held {
			fmt.Fprintf(&b, "  ! %s\n", oneLine(why))
		}
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "  rule %s (%s): %s%s\n", printable(r.Name), r.Severity, r.State, forHow(r.Since, x.Now))
			writePart(&b, "when", r.When, 4)
			if r.Clear != nil {
				writePart(&b, "clear", *r.Clear, 4)
			}
			for _, missing := range r.Missing {
				fmt.Fprintf(&b, "    - %s\n", oneLine(missing))
			}
		}
	}
	return b.String()
}

// writePart writes a condition as a tree: what a piece says, and its text.
func writePart(b *strings.Builder, name string, p control.Part, indent int) {
	joins := map[string]string{"&&": "all of", "||": "any of", "!": "not"}
	text := cmp.Or(joins[p.Join], oneLine(p.Text))
	if p.Why != "" {
		text += " (" + oneLine(p.Why) + ")"
	}
	fmt.Fprintf(b, "%*s%-5s %-7s  %s\n", indent, "", name, p.Says, text)
	for _, part := range p.Parts {
		writePart(b, "", part, indent+2)
	}
}
