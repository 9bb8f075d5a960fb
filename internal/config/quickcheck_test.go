package config_test

import "testing"

// TestQuickChecks: what only looks at a host shares a goroutine; what reads
// much, runs or asks somebody does not.
func TestQuickChecks(t *testing.T) {
	for _, c := range []struct {
		kind, attributes, when string
		want                   bool
	}{
		{"system", "", "cpu.percent > 90", true},
		{"process", `match = "x"`, "!exists", true},
		{"filesystem", `path = "/"`, "space.percent > 90", true},
		{"file", `path = "/x"`, "size > 90", true},
		{"file", `path = "/x"`, `changed(checksum.sha256)`, false},
		{"directory", `path = "/x"`, "entries > 90", false},
		{"network", `interface = "lo"`, "!exists", true},
		{"program", `path = "/bin/true"`, "exit != 0", false},
		{"host", `address = "x.example"`, "!reachable", false},
	} {
		check, _ := rule(t, c.kind, c.attributes, "when = "+c.when)
		if check.Quick != c.want {
			t.Errorf("%s with %s: quick %t, want %t", c.kind, c.when, check.Quick, c.want)
		}
	}
}
