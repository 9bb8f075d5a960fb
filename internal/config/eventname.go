package config

import (
	"strings"

	"tocsin/checks"
)

// The pair of events of a rule whose first metric names none.
const (
	resourceFailed    = "Resource limit matched"
	resourceRecovered = "Resource limit succeeded"
)

// monitPairs are the events of Monit 5.33 (event.c): what has failed, and what
// is said when it no longer does.
func monitPairs() map[string]string {
	return map[string]string{
		"Checksum failed":           "Checksum succeeded",
		"Connection failed":         "Connection succeeded",
		"Content failed":            "Content succeeded",
		"Data access error":         "Data access succeeded",
		"Does not exist":            "Exists",
		"Download bytes exceeded":   "Download bytes ok",
		"Download packets exceeded": "Download packets ok",
		"Execution failed":          "Execution succeeded",
		"Filesystem flags failed":   "Filesystem flags succeeded",
		"GID failed":                "GID succeeded",
		"Invalid type":              "Type succeeded",
		"Link down":                 "Link up",
		"PID failed":                "PID succeeded",
		"PPID failed":               "PPID succeeded",
		"Permission failed":         "Permission succeeded",
		"Ping failed":               "Ping succeeded",
		resourceFailed:              resourceRecovered,
		"Saturation exceeded":       "Saturation succeeded",
		"Size failed":               "Size succeeded",
		"Speed failed":              "Speed succeeded",
		"Status failed":             "Status succeeded",
		"Timeout":                   "Timeout recovery",
		"Timestamp failed":          "Timestamp succeeded",
		"UID failed":                "UID succeeded",
		"Upload bytes exceeded":     "Upload bytes ok",
		"Upload packets exceeded":   "Upload packets ok",
		"Uptime failed":             "Uptime succeeded",
	}
}

// recoveredName is what is said when an event of this name is over.
func recoveredName(failed string) string {
	if known, ok := monitPairs()[failed]; ok {
		return known
	}
	if what, ok := strings.CutSuffix(failed, " failed"); ok {
		return what + " succeeded"
	}
	return failed + " recovered"
}

// eventPair is the pair of a rule with this condition.
func eventPair(c *condition) (failed, recovered string) {
	m, ok := c.first()
	if !ok || m.Failed == "" {
		return resourceFailed, resourceRecovered
	}
	if m.Recovered == "" {
		return m.Failed, recoveredName(m.Failed)
	}
	return m.Failed, m.Recovered
}

// first is the metric that stands first in the condition.
func (c *condition) first() (*checks.Metric, bool) {
	for _, p := range c.parts {
		switch {
		case p.metric != nil:
			return p.metric, true
		case p.refers != nil:
			return p.refers.metric, true
		case p.call != nil:
			return p.call.metric, true
		}
	}
	return nil, false
}
