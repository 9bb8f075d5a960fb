package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/checks"
	"tocsin/internal/engine"
	"tocsin/templates"
)

// loader turns the parsed files into a Config.
type loader struct {
	opt      Options
	problems *Problems
	config   *Config
	named    map[string]map[string]hcl.Range // block type, label: where it is
	defined  map[[2]string]hcl.Range         // the same of checks, by kind and name
	several  map[[2]string]bool              // those that stand for several
	needed   map[string]bool                 // those that others depend on, by id
	// servers is in the order of the files, also those with problems.
	servers   []string
	routed    []listed          // the routes of domains
	direct    []string          // the mail servers that deliver directly
	senders   map[string]sender // by mail server
	templates map[string]templates.Template
	htmls     int // templates with html
	// kinds are those that the file has named: all their checks share one table
	// of metrics, and a file may have a thousand checks.
	kinds    map[string]*checks.Kind
	allKinds []string // the names of all, once they were asked for

	// fallbacks is where the fallback block of a mail block is, by its name.
	fallbacks map[string]hcl.Range
	asked     []asked   // groups and labels, by routes
	brought   []brought // from outside of the files

	// alike are the rules of checks that have nothing of their own in them.
	alike map[string][]engine.Rule
	// wanted are the sets of metrics that checks ask for, by their names.
	wanted     map[string]map[string]bool
	noDefaults bool // nothing is watched but what the files say
	// unknowns are what conditions are tried with, by kind.
	unknowns map[string]*hcl.EvalContext
}

// found is a top-level block with its file.
type found struct {
	source *source
	block  *hclsyntax.Block
}

// blockTypes are the blocks that a file may hold; laterBlocks come later.
func blockTypes() []string {
	return []string{"agent", "mailserver", "mail", "template", "route", "hook", "check", "maintenance", "aliases", "pickup", "heartbeat"}
}

func laterBlocks() []string {
	return []string{"webhook", "alertmanager", "silence", "web", "locals"}
}

func (l *loader) load(sources []*source) {
	l.named = map[string]map[string]hcl.Range{"mail": {}, "mailserver": {}, "template": {}, "hook": {}, "maintenance": {}, "heartbeat": {}}
	l.senders = map[string]sender{}
	l.templates = map[string]templates.Template{}
	blocks := l.collect(sources)
	l.agent(blocks["agent"])
	l.defaults(blocks)
	l.self(blocks)
	for _, f := range blocks["mailserver"] {
		l.mailServer(f)
	}
	l.config.Servers = l.commonServers()
	l.masquerade(blocks["pickup"])
	for _, f := range blocks["template"] {
		l.template(f)
	}
	for _, f := range blocks["mail"] {
		l.mail(f)
	}
	l.unreached()
	l.config.Servers = l.otherServers()
	l.ways()
	l.routes(blocks["route"])
	for _, f := range blocks["hook"] {
		l.hook(f)
	}
	l.checks(blocks["check"])
	for _, f := range blocks["maintenance"] {
		l.maintenance(f)
	}
	l.answered()
	for _, f := range blocks["heartbeat"] {
		l.heartbeat(f)
	}
	l.pickup(blocks["pickup"], blocks["aliases"])
	l.config.Templates = l.templates
	l.whole(blocks)
	l.config.blocks, l.config.outside = l.digests(blocks), l.outside()
}

// collect sorts the top-level blocks by type and finds labels used twice.
func (l *loader) collect(sources []*source) map[string][]found {
	blocks := map[string][]found{}
	for _, s := range sources {
		top := &scope{loader: l, source: s, name: "a rule file", body: s.body, later: laterBlocks()}
		top.versionPlace()
		top.done(blockTypes()...)
		for _, block := range items(s.body) {
			names := l.named[block.Type]
			switch block.Type {
			case "mail", "mailserver", "template", "hook", "maintenance", "heartbeat":
				label := "NAME"
				if block.Type == "hook" {
					label = "EVENT"
				}
				if !l.labels(block, label) || !l.unique(block, names) {
					continue
				}
				if block.Type == "mailserver" {
					l.servers = append(l.servers, block.Labels[0])
				}
			}
			blocks[block.Type] = append(blocks[block.Type], found{s, block})
		}
	}
	return blocks
}

// unique remembers the label of a block that others refer to.
func (l *loader) unique(block *hclsyntax.Block, names map[string]hcl.Range) bool {
	label := block.Labels[0]
	if !hclsyntax.ValidIdentifier(label) && block.Type == "maintenance" {
		l.problems.add(problem(block.LabelRanges[0], "Invalid label", "People end a maintenance by its name, so that is made of letters, digits, \"_\" and \"-\"."))
		return false
	}
	if !hclsyntax.ValidIdentifier(label) {
		l.problems.add(problem(block.LabelRanges[0], "Invalid label", "Other blocks refer to this one as %s.NAME, so its name is made of letters, digits, \"_\" and \"-\".", block.Type))
		return false
	}
	if first, ok := names[label]; ok {
		l.problems.add(problem(block.DefRange(), "Name used twice", "%s is already defined at %s.", blockName(block.Type, block.Labels), place(first)))
		return false
	}
	names[label] = block.DefRange()
	return true
}

// whole looks at what only the blocks together show.
func (l *loader) whole(blocks map[string][]found) {
	if len(blocks["mail"]) == 0 {
		l.problems.add(&hcl.Diagnostic{
			Severity: hcl.DiagWarning, Summary: "Nobody will hear of it",
			Detail: "There is no mail block, so alerts wait and reach nobody. tocsin init sets mail up; by hand add: mail \"ops\" { to = [\"you@example.com\"] } and a mailserver block.",
		})
	} else if len(blocks["mailserver"]) == 0 {
		first := blocks["mail"][0].block.DefRange()
		l.problems.add(problem(first, "No mail server", "A mail block needs a mailserver block to send through. For Gmail: mailserver \"gmail\" { provider = \"gmail\" … }"))
	}
}

// maxRefs bounds a list of references.
const maxRefs = 100

// refs reads an attribute that lists blocks of one type, such as [mail.ops].
func (s *scope) refs(name, blockType string) []string {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	return s.refList(name, blockType, attr.Expr)
}

// refList reads a list of references.
func (s *scope) refList(name, blockType string, all hcl.Expression) []string {
	exprs, diags := hcl.ExprList(all)
	if diags.HasErrors() {
		hint := ""
		if traversal, d := hcl.AbsTraversalForExpr(all); !d.HasErrors() && traversal.RootName() == blockType {
			hint = fmt.Sprintf(" Put it in brackets: %s = [%s].", name, s.source.text[all.Range().Start.Byte:all.Range().End.Byte])
		}
		s.fail(all.Range(), "Wrong type", "%q takes a list of references, such as [%s.NAME].%s", name, blockType, hint)
		return nil
	}
	if len(exprs) > maxRefs {
		s.fail(all.Range(), "List too long", "%q lists at most %d references.", name, maxRefs)
		return nil
	}
	var out []string
	for _, expr := range exprs {
		label, ok := s.resolve(name, blockType, expr)
		if ok && slices.Contains(out, label) {
			s.fail(expr.Range(), "Named twice", "%s.%s is already in this list.", blockType, label)
		} else if ok {
			out = append(out, label)
		}
	}
	if len(exprs) == 0 {
		s.fail(all.Range(), "Empty list", "%q needs at least one reference. To use the default, leave it out.", name)
	}
	return out
}

// ref reads an attribute that refers to one block, such as template.monit.
func (s *scope) ref(name, blockType string) string {
	attr := s.attr(name)
	if attr == nil {
		return ""
	}
	label, _ := s.resolve(name, blockType, attr.Expr)
	return label
}

// resolve takes TYPE.NAME apart and finds the block.
func (s *scope) resolve(name, blockType string, expr hcl.Expression) (label string, ok bool) {
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		hint := ""
		if v, d := expr.Value(nil); !d.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type().FriendlyName() == "string" {
			hint = fmt.Sprintf(" Write %s.%s, without quotes.", blockType, lastPart(v.AsString()))
		}
		s.fail(expr.Range(), "Not a reference", "%q refers to a %s block as %s.NAME.%s", name, blockType, blockType, hint)
		return "", false
	}
	if traversal.RootName() != blockType {
		s.fail(expr.Range(), "Not a reference", "%q refers to a %s block as %s.NAME; %q is none.%s", name, blockType, blockType, traversal.RootName(), didYouMean(traversal.RootName(), []string{blockType}))
		return "", false
	}
	var step hcl.TraverseAttr
	if len(traversal) == 2 {
		step, ok = traversal[1].(hcl.TraverseAttr)
	}
	if !ok {
		s.fail(expr.Range(), "Not a reference", "A reference has two parts: %s.NAME.", blockType)
		return "", false
	}
	if _, ok = s.loader.named[blockType][step.Name]; !ok {
		s.fail(expr.Range(), "Unknown reference", "There is no %s.%s%s", blockType, step.Name, existing(blockType, step.Name, s.loader.named[blockType]))
		return "", false
	}
	return step.Name, true
}

func existing(blockType, name string, defined map[string]hcl.Range) string {
	if len(defined) == 0 {
		return fmt.Sprintf(": no %s block exists.", blockType)
	}
	if len(defined) > maxCandidates {
		return "."
	}
	names := slices.Sorted(maps.Keys(defined))
	for i := range names {
		names[i] = blockType + "." + names[i]
	}
	return "." + didYouMean(blockType+"."+name, names) + " There is " + list(names, "and") + "."
}

func lastPart(reference string) string {
	for i := len(reference) - 1; i >= 0; i-- {
		if reference[i] == '.' {
			return reference[i+1:]
		}
	}
	return reference
}
