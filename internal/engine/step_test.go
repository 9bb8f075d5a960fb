package engine

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
)

// at reads a row of a step table: one letter a reading, ten seconds apart.
// "T" When is true, "F" it is false, "?" unknown, "C" false and Clear is true, "B" both are
// true.
func observations(letters string) []Observation {
	var list []Observation
	for _, c := range letters {
		list = append(list, map[rune]Observation{
			'T': {When: True, Clear: False}, 'F': {When: False, Clear: False},
			'?': {When: Unknown, Clear: Unknown}, 'C': {When: False, Clear: True}, 'B': {When: True, Clear: True},
		}[c])
	}
	return list
}

// TestZeroState: every field counts, also one that is added.
func TestZeroState(t *testing.T) {
	if !(&RuleState{}).isZero() {
		t.Error("the zero state is something to remember")
	}
	text, at := "x", time.Unix(1, 0)
	values := []any{true, at, text, uint64(1), 1, []string{text}, map[string]string{text: text}, tocsin.Flap{Level: 1}, Acked{At: at}, Held{Since: at}, []time.Time{at}, []tocsin.Terms{{}}}
	for field := range reflect.TypeFor[RuleState]().Fields() {
		i := slices.IndexFunc(values, func(v any) bool { return reflect.TypeOf(v) == field.Type })
		if i < 0 {
			t.Fatalf("there is no value for the field %s", field.Name)
		}
		var s RuleState
		place := reflect.ValueOf(&s).Elem().FieldByIndex(field.Index).Addr().UnsafePointer()
		reflect.NewAt(field.Type, place).Elem().Set(reflect.ValueOf(values[i])) // also of one that is not exported
		if s.isZero() {
			t.Errorf("a state with %s is taken for none", field.Name)
		}
	}
}

func TestStep(t *testing.T) {
	clear := Condition(constant(True)) // its value comes from the observation
	tests := []struct {
		name string
		rule Rule
		when string
		want string // "f" failed, "r" recovered, "m" reminder, "." nothing
	}{
		{"fine", Rule{}, "FFFF", "...."},
		{"fails at once", Rule{}, "FTTT", ".f.."},
		{"fails at the first reading", Rule{}, "T", "f"},
		{"recovers at once", Rule{}, "TTF", "f.r"},
		{"fails again", Rule{}, "TFTF", "frfr"},
		{"for", Rule{For: 20 * time.Second}, "TTTT", "..f."},
		{"for is broken", Rule{For: 20 * time.Second}, "TTFTTT", ".....f"},
		{"for is broken by no data", Rule{For: 20 * time.Second}, "TT?TTT", ".....f"},
		{"no data neither fails", Rule{}, "????", "...."},
		{"nor recovers", Rule{}, "T???F", "f...r"},
		{"without clear, when decides", Rule{}, "TF", "fr"},
		{"hysteresis", Rule{Clear: clear}, "TFFC", "f..r"},
		{"hysteresis, true again", Rule{Clear: clear}, "TFTFC", "f...r"},
		{"hysteresis the wrong way round", Rule{Clear: clear}, "BBBC", "f..r"},
		{"clear_for", Rule{ClearFor: 20 * time.Second}, "TFFF", "f..r"},
		{"clear_for is broken", Rule{ClearFor: 20 * time.Second}, "TFFTFFF", "f.....r"},
		{"clear_for is broken by no data", Rule{ClearFor: 20 * time.Second}, "TFF?FFF", "f.....r"},
		{"delay: the failure at once, the recovery later", Rule{Delay: 20 * time.Second}, "TFFF", "f..r"},
		{"delay is broken", Rule{Delay: 20 * time.Second}, "TFFTFFF", "f.....r"},
		{"delay is broken by no data", Rule{Delay: 20 * time.Second}, "TFF?FFF", "f.....r"},
		{"delay grows", Rule{Delay: 10 * time.Second}, "TFFTFFFTFFFFF", "f.rf..rf....r"},
		{"delay and clear", Rule{Delay: 20 * time.Second, Clear: clear}, "TFCCC", "f...r"},
		{"delay and for", Rule{Delay: 20 * time.Second, For: 10 * time.Second}, "TTFFTTFFF", ".f......r"},
		{"times", Rule{Times: 3, Within: time.Minute}, "TFTFT", "....f"},
		{"times, too far apart", Rule{Times: 3, Within: 40 * time.Second}, "TFTFTFTF", "........"},
		{"times, still flapping", Rule{Times: 2, Within: 40 * time.Second}, "TTFTFFFF", ".f...r.."},
		{"times and for", Rule{Times: 2, Within: time.Minute, For: 20 * time.Second}, "TTT", "..f"},
		{"times, a storm", Rule{Times: 3, Within: time.Hour, Apart: 20 * time.Second}, "TTTTTF", "....f."},
		{"times, apart", Rule{Times: 3, Within: time.Hour, Apart: 20 * time.Second}, "TFTFT", "....f"},
		{"reminder", Rule{Reminder: 20 * time.Second}, "TTTTTF", "f.m.mr"},
		{"reminder without data", Rule{Reminder: 20 * time.Second}, "T????", "f.m.m"},
		{"no reminder once it is over", Rule{Reminder: 20 * time.Second}, "TTF", "f.r"},
		{"no reminder when fine", Rule{Reminder: 10 * time.Second}, "FFFF", "...."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := tt.rule
			rule.Name, rule.Explain = "r", nil
			check := &Check{Kind: "k", Name: "n"}
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var state RuleState
			var got strings.Builder
			for _, o := range observations(tt.when) {
				before := state
				next, kind := Step(&rule, state, o, now)
				if again, kindAgain := Step(&rule, before, o, now); kindAgain != kind || len(again.hits) != len(next.hits) {
					t.Fatal("the same step gave something else: Step is not pure")
				}
				state = next
				if kind != "" {
					state = raise("h", "e", check, &rule, state, kind, "", "", now).state
				}
				got.WriteString(map[tocsin.EventType]string{"": ".", tocsin.Failed: "f", tocsin.Recovered: "r", tocsin.Reminder: "m"}[kind])
				now = now.Add(10 * time.Second)
			}
			if got.String() != tt.want {
				t.Errorf("got %s for %s, want %s", got.String(), tt.when, tt.want)
			}
		})
	}
}

func TestSinceIsWhenItBegan(t *testing.T) {
	rule := Rule{Name: "r", For: 30 * time.Second}
	check := &Check{Kind: "k", Name: "n"}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	state, _ := Step(&rule, RuleState{}, Observation{When: True}, begin)
	state, kind := Step(&rule, state, Observation{When: True}, begin.Add(30*time.Second))
	if kind != tocsin.Failed {
		t.Fatalf("got %q, want failed", kind)
	}
	ev := raise("h", "e", check, &rule, state, kind, "", "", begin.Add(30*time.Second)).event
	if !ev.Since.Equal(begin) {
		t.Errorf("got since %v, want %v", ev.Since, begin)
	}
}

func TestIDsNeverMeet(t *testing.T) {
	seen := map[string]bool{}
	for _, epoch := range []string{"a", "b"} {
		for _, check := range []Check{{Kind: "k", Name: "x"}, {Kind: "k", Name: "y"}} {
			for _, rule := range []Rule{{Name: "r"}, {Name: "s"}} {
				var state RuleState
				for _, kind := range []tocsin.EventType{tocsin.Failed, tocsin.Reminder, tocsin.Recovered, tocsin.Failed} {
					tr := raise("h", epoch, &check, &rule, state, kind, "", "", time.Time{})
					again := raise("h", epoch, &check, &rule, state, kind, "", "", time.Time{})
					if again.event.ID != tr.event.ID {
						t.Fatal("the same transition got another id")
					}
					state = tr.state
					if seen[tr.event.ID] {
						t.Fatalf("id %s twice", tr.event.ID)
					}
					seen[tr.event.ID] = true
				}
			}
		}
	}
}

func TestAnIncidentKeepsItsID(t *testing.T) {
	check, rule := &Check{Kind: "k", Name: "x"}, &Rule{Name: "r"}
	var state RuleState
	incident := map[string][]tocsin.EventType{}
	for _, kind := range []tocsin.EventType{tocsin.Failed, tocsin.Reminder, tocsin.Recovered, tocsin.Failed, tocsin.Recovered} {
		tr := raise("h", "e", check, rule, state, kind, "", "", time.Time{})
		incident[tr.event.Incident] = append(incident[tr.event.Incident], kind)
		state = tr.state
	}
	if len(incident) != 2 {
		t.Errorf("got %d incidents, want 2: %v", len(incident), incident)
	}
}

// constant is a condition that never changes.
type constant Truth

func (c constant) Eval(View) Truth { return Truth(c) }
