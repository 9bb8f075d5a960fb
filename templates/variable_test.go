package templates_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/templates"
)

func TestExpand(t *testing.T) {
	e := event("a1", tocsin.Recovered, noon.Add(26*time.Hour))
	e.Check, e.Value, e.Description = "$HOST $$", "97.3 %", "down"
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"$SERVICE", "$HOST $$"},
		{"${SERVICE}", "$HOST $$"},
		{"$$SERVICE", "$SERVICE"},
		{"$$$SERVICE", "$$HOST $$"},
		{"$SERVICES", "$SERVICES"},
		{"$SERVICE_", "$SERVICE_"},
		{"$SERVICE's", "$HOST $$'s"},
		{"$5 $(x) $ $service ${} ${HOST $", "$5 $(x) $ $service ${} ${HOST $"},
		{"${HOST}s", "web-1.example.coms"},
		{"$EVENT $HOST $DATE", "Does not exist web-1.example.com Mon, 23 Nov 2026 14:00:00 +0100"},
		{"$ACTION $DESCRIPTION $SEVERITY", "alert down critical"},
		{"$RULE $VALUE $STATE $DURATION $ID", "down 97.3 % recovered 1d2h a1"},
		{"$KIND $SINCE", "process Sun, 22 Nov 2026 12:00:00 +0100"},
		{"$UNKNOWN ${UNKNOWN}", "$UNKNOWN ${UNKNOWN}"},
	} {
		if got := templates.Expand(tt.text, e); got != tt.want {
			t.Errorf("Expand(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
	e.Description = strings.Repeat("x", 16<<10)
	if got := len(templates.Expand(strings.Repeat("$DESCRIPTION", 10_000), e)); got > 64<<10 {
		t.Errorf("the text grew to %d bytes", got)
	}
}

func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []templates.Variable
	}{
		{"$SERVICE $EVENT $$X $5 $(x) $ $x", nil},
		{"a $SERVIC", []templates.Variable{{Name: "SERVIC", Offset: 2, Suggestion: "SERVICE"}}},
		{"ä ${HOSTNAME}!", []templates.Variable{{Name: "HOSTNAME", Offset: 3, Suggestion: ""}}},
		{"$DESCRPTION$DATES", []templates.Variable{
			{Name: "DESCRPTION", Offset: 0, Suggestion: "DESCRIPTION"},
			{Name: "DATES", Offset: 11, Suggestion: "DATE"},
		}},
		{"$SEVERTY $XYZZY", []templates.Variable{{Name: "SEVERTY", Offset: 0, Suggestion: "SEVERITY"}, {Name: "XYZZY", Offset: 9}}},
		{"$" + strings.Repeat("A", 1000), []templates.Variable{{Name: strings.Repeat("A", 1000)}}},
	} {
		if diff := cmp.Diff(tt.want, templates.Unknown(tt.text)); diff != "" {
			t.Errorf("Unknown(%.40q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestVariables(t *testing.T) {
	names := make(map[string]bool)
	for _, v := range templates.Variables() {
		if v.Doc == "" || strings.Contains(v.Doc, "\n") || names[v.Name] {
			t.Errorf("%s: doc %q, seen %v", v.Name, v.Doc, names[v.Name])
		}
		names[v.Name] = true
		if templates.Unknown("$"+v.Name) != nil {
			t.Errorf("$%s is unknown", v.Name)
		}
	}
	for name := range strings.FieldsSeq("SERVICE EVENT HOST DATE ACTION DESCRIPTION SEVERITY RULE VALUE STATE DURATION ID") {
		if !names[name] {
			t.Errorf("$%s is missing", name)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Hour, "0s"},
		{0, "0s"},
		{1500 * time.Millisecond, "1s"},
		{time.Minute, "1m"},
		{90 * time.Second, "1m30s"},
		{time.Hour, "1h"},
		{time.Hour + 59*time.Second, "1h"},
		{26*time.Hour + time.Minute, "1d2h"},
		{100 * 24 * time.Hour, "100d"},
	} {
		if got := templates.Expand("$DURATION", tocsin.Event{At: noon.Add(tt.d), Since: noon}); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.d, got, tt.want)
		}
	}
}
