package config_test

import (
	"fmt"
	"strings"
	"testing"

	"tocsin/internal/config"
)

// BenchmarkLoad is a file of 100 checks with two rules each.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	text.WriteString("mailserver \"box\" {\n  host = \"localhost\"\n  tls  = \"none\"\n}\nmail \"ops\" {\n  to = [\"ops@example.com\"]\n}\n")
	for i := range 100 {
		fmt.Fprintf(&text, "check \"process\" \"p%03d\" {\n  pidfile = \"/run/p%03d.pid\"\n  rule \"down\" {\n    when = !exists\n  }\n  rule \"heavy\" {\n    when = cpu.percent > 1000 || memory.percent > 1000\n  }\n}\n", i, i)
	}
	for b.Loop() {
		_, problems := config.LoadBytes([]byte(text.String()), "load.hcl", config.Options{Host: func() string { return "web-1.example.com" }})
		if problems.HasErrors() {
			b.Fatal(problems.Error())
		}
	}
}
