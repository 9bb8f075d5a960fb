package templates

import (
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// walker goes through a person's html once: it refuses what does not exist or
// could grow without bound, and has each body counted that is entered.
type walker struct {
	tree *parse.Tree
	own  *ownHTML
	step parse.Node

	depth, ranges int // of the body that is being looked at
}

// How deep the bodies of a person's html may be within each other. html/template
// looks at the body of a range twice, and so at one within it four times.
const (
	maxNested = 32
	maxRanges = 4
)

// grown are functions that make a text longer, which a loop could do for ever,
// or that the escaping makes needless.
func grown() []string {
	return []string{"print", "printf", "println", "html", "js", "urlquery", "call", "step"}
}

func (w *walker) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		if err := w.node(n); err != nil {
			return err
		}
	}
	l.Nodes = slices.Insert(l.Nodes, 0, w.step)
	return nil
}

func (w *walker) node(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ActionNode:
		return w.pipe(n.Pipe)
	case *parse.TemplateNode:
		// html/template can take for ever over templates that use each other.
		return w.fail(n, "there is no {{template}} and no {{block}} here")
	case *parse.IfNode:
		return w.branch(&n.BranchNode)
	case *parse.RangeNode:
		w.ranges++
		defer func() { w.ranges-- }()
		return w.branch(&n.BranchNode)
	case *parse.WithNode:
		return w.branch(&n.BranchNode)
	case *parse.PipeNode:
		return w.pipe(n)
	case *parse.IdentifierNode:
		if slices.Contains(grown(), n.Ident) {
			return w.fail(n, "there is no function %q here", n.Ident)
		}
	case *parse.FieldNode:
		return w.names(n, n.Ident)
	case *parse.VariableNode:
		return w.names(n, n.Ident[1:])
	case *parse.ChainNode:
		return errors.Join(w.node(n.Node), w.names(n, n.Field))
	}
	return nil
}

func (w *walker) branch(b *parse.BranchNode) error {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxNested || w.ranges > maxRanges {
		return w.fail(b, "it is nested too deeply: at most %d bodies, of which %d of range", maxNested, maxRanges)
	}
	return firstOf(w.pipe(b.Pipe), w.list(b.List), w.list(b.ElseList))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) pipe(p *parse.PipeNode) error {
	if p == nil {
		return nil
	}
	for _, command := range p.Cmds {
		for _, arg := range command.Args {
			if err := w.node(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

// names checks the names of {{.A.B}}.
func (w *walker) names(n parse.Node, names []string) error {
	all := htmlNames()
	for _, name := range names {
		if !slices.Contains(all, name) {
			hint := ""
			meant := nearest(name, all)
			if i := slices.IndexFunc(all, func(known string) bool { return strings.EqualFold(known, name) }); i >= 0 {
				meant = all[i]
			}
			if meant != "" {
				hint = fmt.Sprintf(" Did you mean {{.%s}}?", meant)
			}
			return w.fail(n, "there is no {{.%s}}.%s There are %s", cut(name, maxName), hint, strings.Join(all, ", "))
		}
		w.own.events = w.own.events || name == "Events"
	}
	return nil
}

func (w *walker) fail(n parse.Node, format string, args ...any) error {
	where, _ := w.tree.ErrorContext(n)
	line := 0
	if _, rest, ok := strings.Cut(where, ":"); ok {
		number, _, _ := strings.Cut(rest, ":")
		line, _ = strconv.Atoi(number) // 0 says that it is not known
	}
	return &HTMLError{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// where is how text/template and html/template begin their errors.
var where = regexp.MustCompile(`^(?:html/)?template: ?html:(?:(\d+):)?(?:\d+:)? *(.*)$`)

// asHTMLError takes an error of text/template or html/template apart.
func asHTMLError(err error) error {
	if own, ok := errors.AsType[*HTMLError](err); ok {
		return own
	}
	for _, bound := range []error{errSteps, errPage} {
		if errors.Is(err, bound) {
			return &HTMLError{Reason: bound.Error()}
		}
	}
	out := &HTMLError{Reason: err.Error()}
	if m := where.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " ")); m != nil {
		out.Reason = m[2]
		out.Line, _ = strconv.Atoi(m[1]) // 0 says that it is not known
	}
	// What follows is html/template's state, of use to nobody else.
	if what, _, ok := strings.Cut(out.Reason, ": {state"); ok {
		out.Reason = what + ": an element, an attribute or a quote is left open"
	}
	if escape, ok := errors.AsType[*template.Error](err); ok && escape.Line > 0 {
		out.Line = escape.Line
	}
	return out
}
