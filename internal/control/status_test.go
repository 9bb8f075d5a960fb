package control_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/internal/control"
)

func TestQuestions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	status := control.Status{
		API: control.APIVersion, Host: "web-1", Now: at, Missing: []string{}, Mail: control.Mail{Waiting: 2, Servers: []control.Server{{Name: "gmail"}}},
		Checks: []control.Check{{
			Kind: "process", Name: "a b&c", State: control.Failed, Severity: tocsin.Critical, Since: at,
			Values: []control.Value{{Metric: "exists", Unit: "bool", Value: false, Text: "false"}}, Rules: []control.Rule{},
		}},
	}
	var asked []string
	serve(t, path, control.Agent{
		Status: func(_ context.Context, names []string) (control.Status, error) {
			asked = append(asked, strings.Join(names, "|"))
			if len(names) == 1 {
				return control.Status{}, &control.Unknown{Name: "x", Text: "no check named \"x\""}
			}
			return status, nil
		},
		Events: func(since time.Time) (control.Events, error) {
			return control.Events{API: control.APIVersion, Events: []tocsin.Event{{ID: "1", At: since}}}, nil
		},
	})
	c := control.Client{Path: path}
	got, err := c.Status(t.Context(), []string{"a b&c", "d"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(status, got); diff != "" {
		t.Error(diff)
	}
	_, err = c.Status(t.Context(), []string{"x"})
	if unknown := new(control.Unknown); !errors.As(err, &unknown) || unknown.Name != "x" || err.Error() != `no check named "x"` {
		t.Errorf("got %v, want the agent's own words", err)
	}
	if got := strings.Join(asked, ","); got != "a b&c|d,x" {
		t.Errorf("asked for %q", got)
	}
	events, err := c.Events(t.Context(), at)
	if err != nil || len(events.Events) != 1 || !events.Events[0].At.Equal(at) {
		t.Errorf("got %+v, %v", events, err)
	}
}
