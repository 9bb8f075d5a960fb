package act

import (
	"strings"
	"testing"
)

func TestUnitOf(t *testing.T) {
	for command, want := range map[string]string{
		"systemctl restart nginx":                    "nginx.service",
		"/usr/bin/systemctl start nginx.service":     "nginx.service",
		"/bin/systemctl --no-block restart a.socket": "a.socket",
		"systemctl stop nginx":                       "",
		"systemctl restart a b":                      "",
		"systemctl daemon-reload":                    "",
		"systemctl restart ../x":                     "",
		"systemctl":                                  "",
		"service nginx restart":                      "",
	} {
		if unit, ok := unitOf(strings.Fields(command)); ok != (want != "") || ok && unit != want {
			t.Errorf("%s: got %q, %t, want %q", command, unit, ok, want)
		}
	}
}
