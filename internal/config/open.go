package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"tocsin/checks"
	"tocsin/internal/engine"
)

// Open makes the reader of every check. It reads nothing of the host yet; the
// error names the first check whose reader cannot be made.
func (c *Config) Open(h *checks.Host) error {
	for i := range c.specs {
		reader, err := c.kinds[i].Open(h, c.specs[i])
		if err != nil {
			return fmt.Errorf("open check %s %q: %w", c.Checks[i].Kind, c.Checks[i].Name, err)
		}
		c.Checks[i].Reader = reader
	}
	return nil
}

// fingerprint is a hash of all that decides what a check does. It does not
// depend on other blocks, on comments or on how the file is laid out.
func fingerprint(c engine.Check, spec checks.Spec, rules []ruleText, referred []string) string {
	// Maps are written in the order of their keys. What is marshaled are
	// texts and numbers, which cannot fail.
	text, _ := json.Marshal(struct {
		Kind, Name        string
		Interval, Timeout time.Duration
		Schedule          string `json:",omitempty"`
		Attributes        map[string]string
		Rules             []ruleText
		Referred          []string `json:",omitempty"`
	}{c.Kind, c.Name, c.Interval, c.Timeout, c.Schedule.String(), spec.Attributes, rules, referred})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
