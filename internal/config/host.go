package config

import (
	"os"
	"strings"
)

// DefaultHost is the name of this machine without asking the network: the
// host name, completed from /etc/hosts where it is not an FQDN.
func DefaultHost() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	text, _, err := readRegular("/etc/hosts", 1<<20)
	if err != nil {
		return name
	}
	return completeHost(name, string(text))
}

// completeHost finds the FQDN of name in the text of hosts(5): the first name
// of its line that begins with it.
func completeHost(name, hosts string) string {
	if strings.Contains(name, ".") {
		return name
	}
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		known, full := false, ""
		for _, alias := range fields[1:] {
			known = known || strings.EqualFold(alias, name)
			if full == "" && strings.HasPrefix(strings.ToLower(alias), strings.ToLower(name)+".") && isHostName(alias) {
				full, known = alias, true
			}
		}
		// "web-1.localdomain" says no more than "web-1".
		if known && full != "" && !strings.HasSuffix(strings.ToLower(full), ".localdomain") {
			return full
		}
	}
	return name
}
