package templates

import "tocsin"

// tone is the colour of an event: of its severity, or of all being well again.
type tone struct {
	Tone  string // the class that has the colour for dark screens
	Color string // on a light ground; 4.5:1 or more against it (WCAG 2.2, 1.4.3)
}

// The tones, the most pressing first.
func tones() []tone {
	return []tone{{"critical", "#b3261e"}, {"warning", "#9a5b00"}, {"info", "#1f5fbf"}, {"good", "#1a7a43"}}
}

func toneOf(e *tocsin.Event) tone {
	all := tones()
	switch {
	case e.Type == tocsin.Recovered:
		return all[3]
	case e.Severity == tocsin.Critical:
		return all[0]
	case e.Severity == tocsin.Warning:
		return all[1]
	default:
		return all[2]
	}
}

// stateWord is the state of an event in a word or two.
func stateWord(e *tocsin.Event) string {
	switch e.Type {
	case tocsin.Reminder, tocsin.Escalation:
		return "still failed"
	case tocsin.Instance:
		return "agent"
	default:
		return string(e.Type)
	}
}
