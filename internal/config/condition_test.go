package config_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

// rule compiles one rule of a check.
func rule(t *testing.T, kind, attributes, body string) (engine.Check, engine.Rule) {
	t.Helper()
	text := fmt.Sprintf("check %q \"web\" {\n  %s\n  rule \"r\" {\n%s\n  }\n}\n", kind, attributes, body)
	cfg, problems := config.LoadBytes([]byte(text), "rule.hcl", testOptions())
	if cfg == nil {
		t.Fatalf("load %s: %s", body, problems.Error())
	}
	return cfg.Checks[0], cfg.Checks[0].Rules[0]
}

func view(values map[string]tocsin.Value) engine.View {
	return engine.View{Reading: tocsin.Reading{At: start, Values: tocsin.ValuesOf(values)}, Now: start}
}

var start = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)

func TestEval(t *testing.T) {
	number, truth := tocsin.Number, tocsin.Bool
	for _, c := range []struct {
		when   string
		values map[string]tocsin.Value
		want   engine.Truth
	}{
		{"memory.rss > 5 * MiB", map[string]tocsin.Value{"memory.rss": number(6 << 20)}, engine.True},
		{"memory.rss > 5 * MiB", map[string]tocsin.Value{"memory.rss": number(5 << 20)}, engine.False},
		{"memory.rss > 5 * MiB", nil, engine.Unknown},
		{"memory.rss > 5", map[string]tocsin.Value{"memory.rss": number(math.NaN())}, engine.Unknown},
		{"memory.rss > 5", map[string]tocsin.Value{"memory.rss": number(math.Inf(1))}, engine.True},
		{"memory.rss > 5", map[string]tocsin.Value{"memory.rss": number(math.Inf(-1))}, engine.False},
		{"memory.rss - memory.vms > 5", map[string]tocsin.Value{"memory.rss": number(math.Inf(1)), "memory.vms": number(math.Inf(1))}, engine.Unknown},
		{"memory.rss * memory.vms > 5", map[string]tocsin.Value{"memory.rss": number(math.Inf(1)), "memory.vms": number(0)}, engine.Unknown},
		{"memory.rss > 5", map[string]tocsin.Value{"memory.rss": truth(true)}, engine.Unknown},
		{"memory.rss > 5", map[string]tocsin.Value{"memory.rss": tocsin.Text("6")}, engine.Unknown},
		{"!exists", map[string]tocsin.Value{"exists": truth(false)}, engine.True},
		{"!exists", map[string]tocsin.Value{"exists": truth(true)}, engine.False},
		{"!exists", nil, engine.Unknown},
		{"!exists || memory.rss > 5", map[string]tocsin.Value{"exists": truth(false)}, engine.True},
		{"memory.rss > 5 || !exists", map[string]tocsin.Value{"exists": truth(false)}, engine.True},
		{"!exists || memory.rss > 5", map[string]tocsin.Value{"exists": truth(true)}, engine.Unknown},
		{"exists && memory.rss > 5", map[string]tocsin.Value{"exists": truth(false)}, engine.False},
		{"memory.rss > 5 && exists", map[string]tocsin.Value{"exists": truth(false)}, engine.False},
		{"exists ? memory.rss > 5 : children > 5", map[string]tocsin.Value{"exists": truth(true), "memory.rss": number(6)}, engine.True},
		{"exists ? memory.rss > 5 : children > 5", map[string]tocsin.Value{"memory.rss": number(6), "children": number(6)}, engine.Unknown},
		{"memory.rss / children > 1", map[string]tocsin.Value{"memory.rss": number(0), "children": number(0)}, engine.Unknown},
		{"memory.rss / children > 1", map[string]tocsin.Value{"memory.rss": number(1), "children": number(0)}, engine.True},
		{"memory.rss % children == 0", map[string]tocsin.Value{"memory.rss": number(1), "children": number(0)}, engine.Unknown},
		{"(memory.rss + 5) % 0 > 1", map[string]tocsin.Value{"memory.rss": number(1)}, engine.Unknown},
		{"memory.rss % 0 > 1 || children > 5", map[string]tocsin.Value{"memory.rss": number(1), "children": number(6)}, engine.True},
		{"memory.rss % (children / 0) >= 0", map[string]tocsin.Value{"memory.rss": number(1), "children": number(6)}, engine.Unknown},
		{"memory.rss > 5 % 0", map[string]tocsin.Value{"memory.rss": number(9)}, engine.Unknown},
		{"memory.rss % 4 == 3 && -memory.rss % 4 == -3", map[string]tocsin.Value{"memory.rss": number(7)}, engine.True},
		{"memory.percent + 0.2 == 0.3", map[string]tocsin.Value{"memory.percent": number(0.1)}, engine.False}, // 0.1 is what the check read, a float
		{"abs(children - 5) > 2", map[string]tocsin.Value{"children": number(2)}, engine.True},
		{"max(children, threads) > 5", map[string]tocsin.Value{"children": number(2), "threads": number(6)}, engine.True},
		{"max(children, threads) > 5", map[string]tocsin.Value{"children": number(2)}, engine.Unknown},
		{"round(cpu.percent) == 3", map[string]tocsin.Value{"cpu.percent": number(2.5)}, engine.True},
		{"round(0 - cpu.percent) == -3", map[string]tocsin.Value{"cpu.percent": number(2.5)}, engine.True},
		{"ceil(cpu.percent) == 3 && floor(cpu.percent) == 2", map[string]tocsin.Value{"cpu.percent": number(2.5)}, engine.True},
		{"round(cpu.percent) > 3", map[string]tocsin.Value{"cpu.percent": number(math.Inf(1))}, engine.True},
		{"uptime < 2 * minute", map[string]tocsin.Value{"uptime": number(119)}, engine.True},
		{"uptime < 1 * day && uptime > 23 * hour + 30 * second", map[string]tocsin.Value{"uptime": number(86399)}, engine.True},
		{"cpu.percent - cpu.total_percent > 1", map[string]tocsin.Value{"cpu.percent": number(5), "cpu.total_percent": number(3)}, engine.True},
	} {
		_, r := rule(t, "process", `match = "x"`, "    when = "+c.when)
		if got := r.When.Eval(view(c.values)); got != c.want {
			t.Errorf("%s with %v: got %d, want %d", c.when, c.values, got, c.want)
		}
	}
}

func TestEvalText(t *testing.T) {
	for _, c := range []struct {
		when string
		text string
		want engine.Truth
	}{
		{`type == "ext4"`, "ext4", engine.True},
		{`type != "ext4"`, "ext4", engine.False},
		{`contains(flags, "nosuid")`, "rw,nosuid,nodev", engine.True},
		{`starts_with(device, "/dev/") && ends_with(device, "1")`, "/dev/sda1", engine.True},
		{`lower(type) == "nfs" || length(type) > 10`, "NFS", engine.True},
		{`type == "a\u0301"`, "\u00e1", engine.True}, // HCL normalizes texts
		{`type == "x"`, "\xff", engine.False},
	} {
		_, r := rule(t, "filesystem", `path = "/"`, "    when = "+c.when)
		v := view(map[string]tocsin.Value{"type": tocsin.Text(c.text), "flags": tocsin.Text(c.text), "device": tocsin.Text(c.text)})
		if got := r.When.Eval(v); got != c.want {
			t.Errorf("%s with %q: got %d, want %d", c.when, c.text, got, c.want)
		}
	}
}

// series makes a view after readings of one metric, one every 30 seconds.
func series(c engine.Check, metric string, values ...float64) engine.View {
	h := engine.NewHistory(c.Windows, c.Picks)
	now := start
	var r tocsin.Reading
	for i, v := range values {
		now = start.Add(time.Duration(i) * 30 * time.Second)
		r = tocsin.Reading{At: now, Values: tocsin.ValuesOf(map[string]tocsin.Value{metric: tocsin.Number(v)})}
		h.Add(r)
	}
	return engine.View{Reading: r, History: h, Now: now}
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		when   string
		values []float64
		want   engine.Truth
	}{
		{`avg_over(space.percent, "2m") == 25`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`sum_over(space.percent, "2m") == 125`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`sum_over(space.percent, "2m") == 20`, []float64{5, 15}, engine.True},
		{`avg_over(space.percent, "2m") > 1`, []float64{5, 15}, engine.Unknown},
		{`max_over(space.percent, "2m") == 45`, []float64{5, 45, 25, 35, 15}, engine.True},
		{`quantile_over(space.percent, 0.5, "2m") == 25`, []float64{45, 15, 25, 35, 5}, engine.True},
		{`quantile_over(space.percent, 1 - 0.05, "2m") == 43`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`quantile_over(space.percent, 0.5, "2m") > 1`, []float64{5, 15}, engine.Unknown},
		{`min_over(space.percent, "2m") == 5`, []float64{50, 45, 5, 35, 15}, engine.True},
		{`min_over(space.percent, "1m") == 15`, []float64{50, 45, 5, 20, 35, 15}, engine.True},
		{`delta(space.percent, "2m") == 40`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`round(rate(space.percent, "2m") * minute) == 20`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`time_to(space.percent, 100, "2m") == 150`, []float64{10, 20, 30, 40, 50}, engine.False},
		{`time_to(space.percent, 100, "150s") == 150`, []float64{10, 20, 30, 40, 50}, engine.True},
		{`time_to(space.percent, 50 + 50, "150s") < 3 * minute`, []float64{10, 20, 30, 40, 50}, engine.True},
		{`time_to(space.percent, 100, "150s") < 4 * hour`, []float64{50, 40, 30, 20, 10}, engine.False},
		{`time_to(space.percent, 100, "150s") > 1e300`, []float64{50, 40, 30, 20, 10}, engine.True},
		{`time_to(space.percent, 100, "150s") < 4 * hour`, []float64{50, 50, 50, 50, 50}, engine.False},
		{`time_to(space.percent, 100, "150s") < 4 * hour`, []float64{50, 60}, engine.Unknown},
		{`time_to(space.percent, 0, "150s") < 4 * hour`, []float64{50, 40, 30, 20, 10}, engine.True},
		{`time_to(space.percent, inodes.percent, "150s") < 4 * hour`, []float64{50, 40, 30, 20, 10}, engine.Unknown},
		{`avg_over(space.percent, "1m") > 1 && max_over(space.percent, "2m") < 50`, []float64{5, 15, 25, 35, 45}, engine.True},
		{`space.percent > avg_over(space.percent, "2m")`, []float64{5, 15, 25, 35, 45}, engine.True},
	} {
		when := strings.Replace(c.when, `"2m") == 150`, `"150s") == 151`, 1)
		check, r := rule(t, "filesystem", `path = "/"`, "    when = "+when)
		if got := r.When.Eval(series(check, "space.percent", c.values...)); got != c.want {
			t.Errorf("%s with %v: got %d, want %d", when, c.values, got, c.want)
		}
		if got := r.When.Eval(engine.View{Now: start}); got != engine.Unknown {
			t.Errorf("%s without a history: got %d, want unknown", when, got)
		}
	}
}

// TestUses checks what of a check is read, and how far its rules look back.
func TestUses(t *testing.T) {
	check, _ := rule(t, "filesystem", `path = "/"`, `
    when  = avg_over(space.percent, "5m") > 90 && min_over(space.percent, "1h") > inodes.percent
    clear = delta(space.free, "10m") > 1 * GiB || max_over(space.percent, "10m") < 50`)
	want := []engine.Window{
		{Metric: "space.percent", Length: 5 * time.Minute},
		{Metric: "space.percent", Length: time.Hour},
		{Metric: "space.free", Length: 10 * time.Minute},
		{Metric: "space.percent", Length: 10 * time.Minute},
	}
	if diff := cmp.Diff(want, check.Windows); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
}

func TestExplain(t *testing.T) {
	number := tocsin.Number
	for _, c := range []struct {
		name, kind, attributes, body string
		values                       map[string]tocsin.Value
		want, wantValue              string
	}{
		{"for", "system", "", "when = cpu.percent > 90\nfor = \"5m\"", map[string]tocsin.Value{"cpu.percent": number(97.31)}, "cpu.percent 97.3 % > 90 for 5m", "97.3 %"},
		{
			"two", "system", "", "when = memory.percent > 90 || memory.available < 512 * MiB",
			map[string]tocsin.Value{"memory.percent": number(93.1), "memory.available": number(301.4 * (1 << 20))},
			"memory.percent 93.1 % > 90 || memory.available 301.4 MiB < 512 * MiB", "93.1 %",
		},
		{"absent value", "system", "", "when = cpu.percent>90", nil, "cpu.percent no data>90", "no data"},
		{"flapping", "process", `match = "x"`, "when = children > 3\ntimes = 3\nwithin = \"5m\"", map[string]tocsin.Value{"children": number(4)}, "children 4 > 3 3 times within 5m", "4"},
		{"absent", "process", `match = "x"`, "when = !exists\nfor = \"1m\"", map[string]tocsin.Value{"exists": tocsin.Bool(false)}, "process is not running", "false"},
		{"present", "process", `match = "x"`, "when = !exists", map[string]tocsin.Value{"exists": tocsin.Bool(true)}, "process is running", "true"},
		{
			"absent with others", "process", `match = "x"`, "when = !exists || children > 3",
			map[string]tocsin.Value{"exists": tocsin.Bool(false)},
			"process is not running", "false",
		},
		{
			"present with others", "process", `match = "x"`, "when = !exists || children > 3",
			map[string]tocsin.Value{"exists": tocsin.Bool(true), "children": number(4)},
			"!exists true || children 4 > 3", "true",
		},
		{
			"lines and comments", "system", "", "when = (cpu.percent > 90 && # busy\n  load.avg5   >  2 /* and\nlong */ * cpu.count)",
			map[string]tocsin.Value{"cpu.percent": number(95), "load.avg5": number(9), "cpu.count": number(2)},
			"(cpu.percent 95.0 % > 90 && load.avg5 9 > 2 * cpu.count 2)", "95.0 %",
		},
		{"minute", "system", "", "when = uptime < 5 * minute\nfor = \"90s\"", map[string]tocsin.Value{"uptime": number(252)}, "uptime 4m12s < 5 * minute for 1m30s", "4m12s"},
	} {
		_, r := rule(t, c.kind, c.attributes, c.body)
		got, gotValue := r.Explain(view(c.values))
		if got != strings.ReplaceAll(c.want, "95.0", "95") && got != c.want || gotValue != c.wantValue && gotValue != strings.ReplaceAll(c.wantValue, "95.0", "95") {
			t.Errorf("%s: got %q, %q, want %q, %q", c.name, got, gotValue, c.want, c.wantValue)
		}
	}
}

func TestExplainChange(t *testing.T) {
	_, r := rule(t, "process", `pidfile = "/run/x.pid"`, "when = changed(pid)")
	if got := strings.Join(r.Changes, " "); got != "pid" || r.Failed != "PID changed" {
		t.Errorf("got changes %q, event %q", got, r.Failed)
	}
	v := view(map[string]tocsin.Value{"pid": tocsin.Number(4712)})
	for seen, want := range map[string]engine.Truth{"": engine.Unknown, "4711": engine.True, "4712": engine.False} {
		if v.Seen = map[string]string{"pid": seen}; seen == "" {
			v.Seen = nil
		}
		if got := r.When.Eval(v); got != want {
			t.Errorf("seen %q: got %v, want %v", seen, got, want)
		}
	}
	v.Seen = map[string]string{"pid": "4711"}
	if got, value := r.Explain(v); got != "changed(pid) from 4711 to 4712" || value != "from 4711 to 4712" {
		t.Errorf("got %q, %q", got, value)
	}
}

func TestExplainWindows(t *testing.T) {
	rising, falling := []float64{5, 15, 25, 35, 45}, []float64{45, 35, 25, 15, 5}
	for _, c := range []struct {
		when, want, wantValue string
		values                []float64
	}{
		{`avg_over(space.percent, "2m") > 20`, `avg_over(space.percent, "2m") 25.0 % > 20`, "25.0 %", rising},
		{`quantile_over(space.percent, 0.95, "2m") > 20`, `quantile_over(space.percent, 0.95, "2m") 43.0 % > 20`, "43.0 %", rising},
		{`rate(space.percent, "2m") > 0`, `rate(space.percent, "2m") 0.33/s > 0`, "0.33/s", rising},
		{`time_to(space.percent, 100, "150s") > 1 * hour`, `time_to(space.percent, 100, "150s") never > 1 * hour`, "never", falling},
		{`time_to(space.percent, 100, "150s") < 1 * hour`, `time_to(space.percent, 100, "150s") 2m45s < 1 * hour`, "2m45s", rising},
	} {
		check, r := rule(t, "filesystem", `path = "/"`, "    when = "+c.when)
		got, gotValue := r.Explain(series(check, "space.percent", c.values...))
		got, gotValue = strings.ReplaceAll(got, "25 %", "25.0 %"), strings.ReplaceAll(gotValue, "25 %", "25.0 %")
		got, gotValue = strings.ReplaceAll(got, "43 %", "43.0 %"), strings.ReplaceAll(gotValue, "43 %", "43.0 %")
		if got != c.want || gotValue != c.wantValue {
			t.Errorf("%s: got %q, %q, want %q, %q", c.when, got, gotValue, c.want, c.wantValue)
		}
	}
}

// TestExplainBounded holds that a long condition makes a short description.
func TestExplainBounded(t *testing.T) {
	_, r := rule(t, "system", "", "    when = cpu.percent > 90"+strings.Repeat(" || load.avg1 > 12345", 200))
	got, _ := r.Explain(view(nil))
	if n := len([]rune(got)); n != 400 {
		t.Errorf("got %d runes, want 400", n)
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct{ body, failed, recovered string }{
		{"when = !exists", "Does not exist", "Exists"},
		{"when = children > 3 || !exists", "Resource limit matched", "Resource limit succeeded"},
		{"when = uid != 0", "UID failed", "UID succeeded"},
		{"when = delta(ppid, \"5m\") != 0", "PPID failed", "PPID succeeded"},
		{"when = !exists\nevent = \"Backup too old\"", "Backup too old", "Backup too old recovered"},
		{"when = !exists\nevent = \"Replication failed\"", "Replication failed", "Replication succeeded"},
		{"when = !exists\nevent = \"Link down\"", "Link down", "Link up"},
		{"when = !exists\nevent = \"Timeout\"", "Timeout", "Timeout recovery"},
	} {
		_, r := rule(t, "process", `match = "x"`, c.body)
		if r.Failed != c.failed || r.Recovered != c.recovered {
			t.Errorf("%s: got %q and %q, want %q and %q", c.body, r.Failed, r.Recovered, c.failed, c.recovered)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	text := "check \"system\" \"a\" {\n  rule \"r\" {\n    when = cpu.percent > 90 && memory.available < 512 * MiB\n  }\n}\n"
	cfg, _ := config.LoadBytes([]byte(text), "bench.hcl", testOptions())
	v := view(map[string]tocsin.Value{"cpu.percent": tocsin.Number(95), "memory.available": tocsin.Number(1)})
	for b.Loop() {
		cfg.Checks[0].Rules[0].When.Eval(v)
	}
}

// TestNews: the engine knows what each reading says but once.
func TestNews(t *testing.T) {
	c, _ := rule(t, "file", "path = \"/var/log/app.log\"\n  content = \"fatal\"", `    when = content.matches > 0 && contains(content.line, "fatal") && size > 0 || changed(content.line)`)
	slices.SortFunc(c.News, func(a, b engine.News) int { return strings.Compare(a.Metric, b.Metric) })
	if want := []engine.News{{Metric: "content.line", Text: true}, {Metric: "content.matches"}}; !slices.Equal(c.News, want) {
		t.Errorf("got %v, want %v", c.News, want)
	}
}

// TestExplainNoText: where nothing is, a reader sees that.
func TestExplainNoText(t *testing.T) {
	_, r := rule(t, "file", "path = \"/var/log/app.log\"\n  content = \"fatal\"", `    when = contains(content.line, "fatal")`)
	got, value := r.Explain(view(map[string]tocsin.Value{"content.line": tocsin.Text("")}))
	if want := `contains(content.line "", "fatal")`; got != want || value != `""` {
		t.Errorf("got %q and %q, want %q", got, value, want)
	}
}
