package control

import (
	"context"
	"net/url"
	"time"

	"tocsin"
)

// Explanation is why rules are as they are.
type Explanation struct {
	API  int       `json:"api"`
	Host string    `json:"host"`
	Now  time.Time `json:"now"`
	// Agent says that the running agent said it, with its history and its
	// state; otherwise it is of one reading.
	Agent  bool             `json:"agent"`
	Checks []ExplainedCheck `json:"checks"`
}

// ExplainedCheck is one check.
type ExplainedCheck struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Read is when the last reading began.
	Read time.Time `json:"read,omitzero"`
	// Held says why nothing happens to the check at all, such as that it is
	// unmonitored.
	Held  []string        `json:"held"`
	Rules []ExplainedRule `json:"rules"`
}

// ExplainedRule is one rule.
type ExplainedRule struct {
	Name     string          `json:"name"`
	Severity tocsin.Severity `json:"severity"`
	State    State           `json:"state"`
	// Since is when the incident began, or since when the condition holds.
	Since time.Time `json:"since,omitzero"`
	When  Part      `json:"when"`
	Clear *Part     `json:"clear,omitempty"`
	// Missing says what is missing until something happens.
	Missing []string `json:"missing"`
}

// Part is a condition or a piece of it.
type Part struct {
	// Text is the piece in the words of the rule file, with its values.
	Text string `json:"text"`
	Says Says   `json:"says"`
	// Why says why there is no data.
	Why string `json:"why,omitempty"`
	// Join is "&&", "||" or "!", for a piece that has Parts.
	Join  string `json:"join,omitempty"`
	Parts []Part `json:"parts,omitempty"`
}

// Says is what a condition says.
type Says string

// The answers of a condition.
const (
	SaysTrue    Says = "true"
	SaysFalse   Says = "false"
	SaysUnknown Says = "no data"
)

// Explain is why the rules of the checks with the names are as they are, or of
// all checks.
func (c Client) Explain(ctx context.Context, names []string) (Explanation, error) {
	var x Explanation
	err := c.get(ctx, "explain?"+url.Values{"name": names}.Encode(), &x)
	return x, err
}
