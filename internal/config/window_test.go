package config_test

import (
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

// TestAShortWindowBesideALong asks what a short window says where the rule next
// to it looks back over days at the same metric.
func TestAShortWindowBesideALong(t *testing.T) {
	for _, c := range []struct {
		name, short, long string
		apart             time.Duration
		values            []float64
		want              engine.Truth
	}{
		{"sum, too slow", `sum_over(size, "5s") >= 3`, `sum_over(size, "1d") >= 1000`, 9 * time.Second, []float64{1, 1, 1}, engine.False},
		{"sum, fast", `sum_over(size, "5s") >= 3`, `sum_over(size, "1d") >= 1000`, 2 * time.Second, []float64{1, 1, 1}, engine.True},
		{"delta", `delta(size, "5s") > 100`, `delta(size, "7d") > 1e9`, time.Second, []float64{0, 30, 60, 90, 120, 150}, engine.True},
		{"rate", `rate(size, "5s") > 20`, `rate(size, "7d") > 1e9`, time.Second, []float64{0, 30, 60, 90, 120, 150}, engine.True},
		{"greatest", `max_over(size, "5s") > 100`, `max_over(size, "7d") > 1e9`, time.Second, []float64{500, 1, 1, 1, 1, 1, 1}, engine.False},
		{"least", `min_over(size, "5s") > 0`, `min_over(size, "7d") > 1e9`, time.Second, []float64{0, 1, 1, 1, 1, 1, 1}, engine.True},
		{"mean", `avg_over(size, "5s") < 2`, `avg_over(size, "7d") > 1e9`, time.Second, []float64{500, 1, 1, 1, 1, 1, 1}, engine.True},
		{"quantile", `quantile_over(size, 0.5, "5s") < 2`, `quantile_over(size, 0.5, "7d") > 1e9`, time.Second, []float64{500, 1, 1, 1, 1, 1, 1}, engine.True},
		{"forecast", `time_to(size, 200, "5s") < 10`, `time_to(size, 200, "7d") < 10`, time.Second, []float64{0, 30, 60, 90, 120, 150}, engine.True},
		{"another function", `delta(size, "5s") > 100`, `max_over(size, "7d") > 1e9`, time.Second, []float64{0, 30, 60, 90, 120, 150}, engine.True},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "check \"file\" \"x\" {\n  path     = \"/srv/x\"\n  interval = \"1s\"\n  rule \"short\" {\n    when = " + c.short + "\n  }\n  rule \"long\" {\n    when = " + c.long + "\n  }\n}\n"
			cfg, problems := config.LoadBytes([]byte(text), "window.hcl", testOptions())
			if problems.HasErrors() {
				t.Fatal(problems.Error())
			}
			check := cfg.Checks[len(cfg.Checks)-1]
			v := engine.View{History: engine.NewHistory(check.Windows, check.Picks)}
			for i, value := range c.values {
				v.Now = start.Add(time.Duration(i) * c.apart)
				v.Reading = tocsin.Reading{At: v.Now, Values: tocsin.ValuesOf(map[string]tocsin.Value{"size": tocsin.Number(value)})}
				v.History.Add(v.Reading)
			}
			if got := check.Rules[0].When.Eval(v); got != c.want {
				t.Errorf("%s beside %s: got %v, want %v", c.short, c.long, got, c.want)
			}
		})
	}
}
