package act_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/act"
	"tocsin/internal/program"
	"tocsin/internal/systemd"
)

func event() *tocsin.Event {
	return &tocsin.Event{Check: "nginx", Rule: "down", Host: "web-1", Name: "Does not exist", Description: "not running", At: time.Unix(0, 0)}
}

func TestProgram(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		lasting bool
		said    string // what it ends with
		err     string
	}{
		{"by its name", []string{"sh", "-c", "echo $0 $TOCSIN_SERVICE $MONIT_EVENT"}, false, "/sh nginx Does not exist", ""},
		{"lasting", []string{"/bin/sh", "-c", "echo one; echo two >&2"}, true, "/sh:\n  one\n  two", ""},
		{"that fails", []string{"/bin/sh", "-c", "echo why; exit 3"}, true, "why", "exit status 3"},
		{"without a word", []string{"/bin/true"}, false, "", ""},
		{"that there is not", []string{"no-such-program-anywhere"}, true, "", `there is no such program: "no-such-program-anywhere"`},
		{"whose path leads nowhere", []string{"/no/such/program start nginx"}, true, "", "/no/such/program start nginx: no such file or directory"},
		{"whose path leads nowhere, awaited", []string{"/no/such/program"}, false, "", "/no/such/program: no such file or directory"},
	} {
		p := act.Program{Program: program.Program{Args: tt.args, Timeout: 10 * time.Second, Lasting: tt.lasting}}
		said, err := p.Do(t.Context(), event())
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(said, tt.said) || tt.said == "" && said != "" || got != tt.err {
			t.Errorf("%s: got %q, %q", tt.name, said, got)
		}
		if p.Args[0] != tt.args[0] {
			t.Errorf("%s: the program was changed to %q", tt.name, p.Args[0])
		}
	}
}

func TestAUnitWithoutAManager(t *testing.T) {
	nowhere := "unix:path=" + filepath.Join(t.TempDir(), "nobody")
	u := act.Unit{Bus: systemd.Bus{System: nowhere, Private: nowhere}, Name: "nginx.service", Verb: "restart", Timeout: time.Second}
	if _, err := u.Do(t.Context(), event()); err == nil || !strings.HasPrefix(err.Error(), "restart nginx.service: no message bus") {
		t.Errorf("got %v", err)
	}
	left := act.LeftAlone{Err: systemd.ErrUnderWay}
	if !errors.Is(left, systemd.ErrUnderWay) || !left.LeftAlone() || left.Error() != systemd.ErrUnderWay.Error() {
		t.Errorf("got %v", left)
	}
}
