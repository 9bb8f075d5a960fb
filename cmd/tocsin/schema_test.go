package main

import (
	"encoding"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/control"
	"tocsin/notify/provider"
)

// schemaFile has the names and types of all that --json prints.
const schemaFile = "testdata/json.golden"

// printed is what each command prints with --json, by the command.
func printed() map[string]any {
	return map[string]any{
		"check": []checkReport{}, "doctor": doctorReport{}, "check --explain": control.Explanation{}, "events": control.Events{}, "explain": explained{},
		"metrics": []kindReport{}, "metrics KIND": kindReport{}, "providers": []provider.Preset{}, "queue list": queueReport{},
		"queue list --badmail": []badLine{}, "queue show": queueDetail{}, "quota": quotaReport{}, "reload": control.Reloaded{},
		"ack": control.Failures{}, "silence": control.Silence{}, "silence list": control.Silences{}, "silence end": control.Silences{}, "status": control.Status{},
	}
}

// TestJSONStaysWhatItIs: programs read it, so that a name that goes or gets
// another type is a change of the interface. What is added is a new line.
func TestJSONStaysWhatItIs(t *testing.T) {
	var lines []string
	for command, value := range printed() {
		described(command+": ", reflect.TypeOf(value), &lines, nil)
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *updateDay {
		if err := os.WriteFile(schemaFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("rewrite it with -update, if that is meant:\n%s", diff)
	}
}

// described lists what a type is as JSON: a path and its type a line. A path
// with "?" may be missing.
func described(path string, typ reflect.Type, lines *[]string, within []reflect.Type) {
	leaf := func(word string) { *lines = append(*lines, path+" "+word) }
	if slices.Contains(within, typ) { // a condition has parts that have parts
		leaf("the same again")
		return
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		leaf("time")
		return
	case typ == reflect.TypeFor[json.RawMessage](), typ.Kind() == reflect.Interface:
		leaf("any")
		return
	case typ.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		leaf("text")
		return
	}
	if typ.Kind() == reflect.Struct {
		within = append(slices.Clone(within), typ)
	}
	switch typ.Kind() {
	case reflect.Pointer:
		described(path, typ.Elem(), lines, within)
	case reflect.Slice:
		described(path+"[]", typ.Elem(), lines, within)
	case reflect.Map:
		described(path+"{}", typ.Elem(), lines, within)
	case reflect.Struct:
		for field := range typ.Fields() {
			name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case name == "-", !field.IsExported() && !field.Anonymous:
				continue
			case field.Anonymous && name == "":
				described(path, field.Type, lines, within)
				continue
			case name == "":
				name = field.Name
			}
			if strings.Contains(rest, "omit") {
				name += "?"
			}
			described(strings.TrimSuffix(path, ".")+"."+name, field.Type, lines, within)
		}
	case reflect.String:
		leaf("text")
	case reflect.Bool:
		leaf("truth")
	default:
		leaf("number")
	}
}
