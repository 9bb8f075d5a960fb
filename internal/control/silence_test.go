package control_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/control"
)

func TestSilences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	until := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	one := control.Silence{Name: "1", About: "nginx", Until: until, From: until.Add(-time.Hour), Reason: "deploy", By: "root", Waiting: 2}
	var got []string
	serve(t, path, control.Agent{
		Silence: func(r control.Request, by string) (control.Silence, error) {
			if len(r.Names) == 0 {
				return control.Silence{}, errors.New("of what?")
			}
			got = append(got, strings.Join(r.Names, "+")+" "+strings.Join(r.Groups, "+")+" "+r.Until.Format(time.Kitchen)+" "+r.Reason)
			if by == "" || by == "somebody" {
				t.Errorf("got %q as who asks", by)
			}
			return one, nil
		},
		Unsilence: func(name, _ string) ([]control.Silence, error) {
			got = append(got, "end "+name)
			return []control.Silence{one}, nil
		},
		Silences: func() control.Silences {
			return control.Silences{API: control.APIVersion, Silences: []control.Silence{one}}
		},
		Ack: func(names []string, on bool, reason, _ string) ([]control.Failure, error) {
			got = append(got, strings.Join(names, "+")+map[bool]string{true: " acked ", false: " unacked "}[on]+reason)
			return []control.Failure{{Rule: "file.a/gone", Incident: "0123456789ab"}}, nil
		},
	})
	c := control.Client{Path: path}
	s, err := c.Silence(t.Context(), control.Request{Names: []string{"nginx", "b"}, Groups: []string{"web"}, Until: until, Reason: "deploy"})
	if diff := cmp.Diff(one, s); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := c.Silence(t.Context(), control.Request{}); err == nil || err.Error() != "of what?" {
		t.Errorf("got %v, want the agent's own words", err)
	}
	ended, err := c.Unsilence(t.Context(), "1")
	if err != nil || len(ended.Silences) != 1 {
		t.Errorf("got %+v, %v", ended, err)
	}
	all, err := c.Silences(t.Context())
	if diff := cmp.Diff([]control.Silence{one}, all.Silences); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, on := range []bool{true, false} {
		meant, err := c.Ack(t.Context(), control.Request{Names: []string{"a"}, Reason: "on it"}, on)
		want := control.Failures{API: control.APIVersion, On: on, Failures: []control.Failure{{Rule: "file.a/gone", Incident: "0123456789ab"}}}
		if diff := cmp.Diff(want, meant); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if diff := cmp.Diff([]string{"nginx+b web 5:00AM deploy", "end 1", "a acked on it", "a unacked on it"}, got); diff != "" {
		t.Error(diff)
	}
}
