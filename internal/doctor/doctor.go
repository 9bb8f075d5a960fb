// Package doctor looks at what commonly goes wrong on a host, and says how it
// is mended. It changes nothing.
package doctor

import "fmt"

// Grade is how a finding is.
type Grade uint8

// The grades. The zero value is Fine.
const (
	Fine Grade = iota
	// Doubtful: it may be meant so.
	Doubtful
	// Wrong: something does not work.
	Wrong
)

// String is the word for a grade.
func (g Grade) String() string {
	switch g {
	case Fine:
		return "ok"
	case Doubtful:
		return "warning"
	default:
		return "wrong"
	}
}

// MarshalText writes the word.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads it.
func (g *Grade) UnmarshalText(text []byte) error {
	for _, one := range []Grade{Fine, Doubtful, Wrong} {
		if one.String() == string(text) {
			*g = one
			return nil
		}
	}
	return fmt.Errorf("%q is no grade", text)
}

// Finding is one thing that was looked at.
type Finding struct {
	About string `json:"about"`
	Grade Grade  `json:"grade"`
	// Text is how it is, in one line.
	Text string `json:"text"`
	// Fix is what to do; empty when there is nothing to do.
	Fix string `json:"fix,omitempty"`
}

func fine(about, text string, args ...any) Finding {
	return Finding{About: about, Text: fmt.Sprintf(text, args...)}
}

func doubtful(about, fix, text string, args ...any) Finding {
	return Finding{About: about, Grade: Doubtful, Text: fmt.Sprintf(text, args...), Fix: fix}
}

func wrong(about, fix, text string, args ...any) Finding {
	return Finding{About: about, Grade: Wrong, Text: fmt.Sprintf(text, args...), Fix: fix}
}
