package checks

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestSplitPlugin(t *testing.T) {
	tests := []struct{ output, line, data string }{
		{"", "", ""},
		{"OK - load average: 0.1\n", "OK - load average: 0.1", ""},
		{"OK | a=1\n", "OK", " a=1"},
		{"| a=1", "", " a=1"},
		{"OK | a=1\nlong text\nmore | b=2\nc=3\n", "OK", " a=1  b=2\nc=3\n"},
		{"OK\r\nmore | b=2", "OK", "  b=2"},
	}
	for _, tt := range tests {
		if line, data := splitPlugin(tt.output); line != tt.line || data != tt.data {
			t.Errorf("%q: got %q and %q, want %q and %q", tt.output, line, data, tt.line, tt.data)
		}
	}
}

func TestParsePerf(t *testing.T) {
	tests := []struct{ data, want string }{
		{"", ""},
		{"load1=0.260;15.000;30.000;0;", "load1=0.26"},
		{" /=2643MB;5948;5958;0;5968 /boot=68MB;88;93;0;98", "/=2643MB /boot=68MB"},
		{"'drive c'=5% 'it''s'=1", "drive c=5% it's=1"},
		{"rta=0.8ms;1;2;0 pl=0%;20;60;;", "rta=0.8ms pl=0%"},
		{"a=-1.5e-3s b=1,5 c=U d=4e+2", "a=-0.0015s b=1.5 c=NaN d=400"},
		{"junk a=1 =2 b= c=x d=1", "a=1 d=1"},
		{"'open a=1", ""},
		{"''=1 a=2", "a=2"},
		{"x=1e+999 y=1", "y=1"},
		{"\x00\x1b=3 ü=4", "\x00\x1b=3 ü=4"},
		{strings.Repeat("a=1 ", 300), strings.TrimSpace(strings.Repeat("a=1 ", maxPerf))},
	}
	for _, tt := range tests {
		var got []string
		for _, p := range parsePerf(tt.data) {
			got = append(got, fmt.Sprintf("%s=%v%s", p.label, p.value, p.unit))
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%.60q: got %q, want %q", tt.data, text, tt.want)
		}
	}
}

func TestPerfUnits(t *testing.T) {
	for unit, want := range map[string]float64{
		"": 3, "s": 3, "ms": 0.003, "us": 0.000003, "%": 3, "c": 3, "B": 3, "KB": 3 << 10, "MB": 3 << 20, "GB": 3 << 30, "TB": 3 << 40, "PB": 3 << 50, "MBB": 3, "K": 3, "KMB": 3,
	} {
		if got := (perf{value: 3, unit: unit}).base(); math.Abs(got-want) > 1e-12 {
			t.Errorf("got %v of 3%s, want %v", got, unit, want)
		}
	}
}

func FuzzPerf(f *testing.F) {
	for _, seed := range []string{"OK | a=1;2;3\nx | 'b c'=2MB", "'", "a=", "=1", "'a''=1", "a=1e+ b=."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, output string) {
		_, data := splitPlugin(output)
		values := parsePerf(data)
		if len(values) > maxPerf {
			t.Errorf("got %d values, want at most %d", len(values), maxPerf)
		}
		for _, p := range values {
			if p.label == "" || math.IsInf(p.value, 0) {
				t.Errorf("got %+v, want a label and a finite value", p)
			}
		}
	})
}
