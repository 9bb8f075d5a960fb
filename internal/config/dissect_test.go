package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/engine"
)

// dissected is a condition of a system check on a view, as lines.
func dissected(t testing.TB, when string, v engine.View) (engine.Part, *condition) {
	t.Helper()
	text := "check \"process\" \"nginx\" {\n  pidfile = \"/run/x\"\n  rule \"r\" {\n    when = !exists\n  }\n}\ncheck \"system\" \"x\" {\n  rule \"r\" {\n    when = " + when + "\n  }\n}\n"
	cfg, problems := LoadBytes([]byte(text), "a.hcl", Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	c, ok := cfg.Checks[1].Rules[0].When.(*condition)
	if !ok {
		t.Fatal("no condition")
	}
	return c.Dissect(v), c
}

func lines(p engine.Part, indent string) string {
	says := map[engine.Truth]string{engine.True: "true", engine.False: "false", engine.Unknown: "?"}[p.Says]
	if len(p.Parts) == 0 {
		text := indent + says + " " + p.Text
		if p.Why != "" {
			text += " (" + p.Why + ")"
		}
		return text + "\n"
	}
	text := indent + says + " " + p.Join + "\n"
	for _, part := range p.Parts {
		text += lines(part, indent+"  ")
	}
	return text
}

func TestDissect(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	history := engine.NewHistory([]engine.Window{{Metric: "cpu.percent", Length: 5 * time.Minute}, {Metric: "cpu.percent", Length: 2 * time.Minute}}, nil)
	for _, age := range []time.Duration{2 * time.Minute, time.Minute, 0} {
		history.Add(tocsin.Reading{At: now.Add(-age), Values: tocsin.ValuesOf(map[string]tocsin.Value{"cpu.percent": tocsin.Number(97.3)})})
	}
	v := engine.View{
		Now: now, History: history,
		Reading: tocsin.Reading{
			At:     now,
			Values: tocsin.ValuesOf(map[string]tocsin.Value{"cpu.percent": tocsin.Number(97.3), "load.avg1": tocsin.Number(0.4), "memory.free": tocsin.Number(1 << 30)}),
			Errors: map[string]error{"swap.free": errors.New("no such file")},
		},
	}
	for when, want := range map[string]string{
		"cpu.percent > 90":                                           "true cpu.percent 97.3 % > 90\n",
		"cpu.percent > 90 && load.avg1 > 1":                          "false &&\n  true cpu.percent 97.3 % > 90\n  false load.avg1 0.4 > 1\n",
		"(cpu.percent > 90) || load.avg1 > 1":                        "true ||\n  true (cpu.percent 97.3 % > 90)\n  false load.avg1 0.4 > 1\n",
		"cpu.percent > 90 && load.avg1 < 1 && memory.free < 2 * GiB": "true &&\n  true cpu.percent 97.3 % > 90\n  true load.avg1 0.4 < 1\n  true memory.free 1 GiB < 2 * GiB\n",
		"!(cpu.percent > 90 || swap.free < 1)":                       "false !\n  true ||\n    true cpu.percent 97.3 % > 90\n    ? swap.free no data < 1 (swap.free: no such file)\n",
		"cpu.percent > 99 || swap.free < 1":                          "? ||\n  false cpu.percent 97.3 % > 99\n  ? swap.free no data < 1 (swap.free: no such file)\n",
		"cpu.user > 1":                                               "? cpu.user no data > 1 (cpu.user has no value)\n",
		`avg_over(cpu.percent, "5m") > 90 && cpu.percent > 90`:       "? &&\n  ? avg_over(cpu.percent, \"5m\") no data > 90 (the window of 5m holds 2m of cpu.percent)\n  true cpu.percent 97.3 % > 90\n",
		`avg_over(cpu.percent, "2m") > 90`:                           "true avg_over(cpu.percent, \"2m\") 97.3 % > 90\n",
		"process.nginx.exists && load.avg1 < 1":                      "? &&\n  ? process.nginx.exists no data (check process.nginx has no fresh value of exists)\n  true load.avg1 0.4 < 1\n",
		"(cpu.percent > 90) == (load.avg1 > 1)":                      "false (cpu.percent 97.3 % > 90) == (load.avg1 0.4 > 1)\n",
		"(load.avg1 - load.avg1) / (load.avg1 - load.avg1) > 1":      "? (load.avg1 0.4 - load.avg1 0.4) / (load.avg1 0.4 - load.avg1 0.4) > 1 (it cannot be computed)\n",
		"(load.avg1 + 5) % 0 > 1 || load.avg1 > 1":                   "? ||\n  ? (load.avg1 0.4 + 5) % 0 > 1 (it cannot be computed)\n  false load.avg1 0.4 > 1\n",
	} {
		got, c := dissected(t, when, v)
		if text := lines(got, ""); text != want {
			t.Errorf("%s: got\n%swant\n%s", when, text, want)
		}
		if got.Says != c.Eval(v) {
			t.Errorf("%s: it says %v taken apart, and %v as a whole", when, got.Says, c.Eval(v))
		}
	}
}

// TestDissectIsBounded: a condition as long as the guard lets it be.
func TestDissectIsBounded(t *testing.T) {
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("(cpu.percent > %d || rate(uptime, \"5m\") > 1)", i))
	}
	got, _ := dissected(t, strings.Join(all[:150], " && "), engine.View{Now: time.Now()})
	var count func(engine.Part) int
	count = func(p engine.Part) int {
		n := 1
		for _, part := range p.Parts {
			n += count(part)
		}
		return n
	}
	if n := count(got); n > maxPartsShown+1 {
		t.Errorf("got %d parts", n)
	}
	if n := len([]rune(got.Text)); n > maxDescription {
		t.Errorf("got %d runes", n)
	}
}
