package config

import "cmp"

// Socket is the control socket that the rule files name, also when something
// else in them is wrong: of what can be read of their agent block. It is
// DefaultSocket when that is nothing.
func Socket(path string, opt Options) string {
	opt = opt.defaults()
	opt.Secrets = Optional
	if path == "" {
		path, _ = opt.Env("TOCSIN_CONFIG")
	}
	l := &loader{opt: opt, problems: newProblems(), config: &Config{}}
	var blocks []found
	for _, s := range readSources(cmp.Or(path, defaultPath), opt, l.problems) {
		if checkText(s).HasErrors() {
			continue // no parser may see it
		}
		if s.parse(l.problems); s.body == nil {
			continue
		}
		for _, block := range s.body.Blocks {
			if block.Type == "agent" {
				blocks = append(blocks, found{s, block})
			}
		}
	}
	l.agent(blocks)
	return l.config.Agent.Socket
}
