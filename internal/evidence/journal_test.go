package evidence

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/systemd"
	"tocsin/internal/testprogram"
)

// journalctl is a program that has lines of unit alone, and warnings.
func journalctl(t *testing.T, unit string) Journal {
	t.Helper()
	entry := func(ago time.Duration, unit, message string) string {
		return fmt.Sprintf(`{"__REALTIME_TIMESTAMP":"%d","MESSAGE":%q,"PRIORITY":"3","SYSLOG_IDENTIFIER":"app","_SYSTEMD_UNIT":%q}`, time.Now().Add(-ago).UnixMicro(), message, unit)
	}
	script := "#!/bin/sh\ncase \"$*\" in\n*_SYSTEMD_UNIT=" + unit + "*) cat <<'END'\n" + entry(time.Minute, unit, "of the unit") + "\nEND\n;;\n" +
		"*PRIORITY=4*) cat <<'END'\n" + entry(time.Minute, "other.service", "a warning") + "\n" + entry(2*time.Hour, "other.service", "of long ago") + "\nEND\n;;\nesac\n"
	path := filepath.Join(t.TempDir(), "journalctl")
	if err := testprogram.Write(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Journal{systemd.Journal{Program: path}}
}

func TestTheJournalIsOfTheUnitOrOfAll(t *testing.T) {
	j := journalctl(t, "nginx.service")
	const all = "Journal, warnings and worse, the last hour: app (other.service): a warning"
	for _, tt := range []struct {
		about About
		want  string
	}{
		{About{Kind: "unit", Check: "web", Attribute: "nginx.service"}, "Journal of nginx.service, the last hour: app: of the unit"},
		{About{Kind: "process", Check: "nginx"}, "Journal of nginx.service, the last hour: app: of the unit"},
		{About{Kind: "process", Check: "no such unit"}, all},
		{About{Kind: "process", Check: "other"}, all},
		{About{Kind: "unit", Check: "web", Attribute: "silent.service"}, "Journal of silent.service, the last hour: "},
		{About{Kind: "system", Check: "nginx"}, all},
	} {
		e := j.Gather(t.Context(), tt.about)
		got := e.Heading + ":"
		for _, l := range e.Lines {
			got += l[len("15:04:05"):]
		}
		if strings.TrimSpace(got) != strings.TrimSpace(tt.want) || e.Missing != "" {
			t.Errorf("%+v: got %q, %q, want %q", tt.about, got, e.Missing, tt.want)
		}
	}
	j.Journal.Program = "/does/not/exist"
	if e := j.Gather(t.Context(), About{Kind: "system"}); e.Missing == "" || len(e.Lines) > 0 {
		t.Errorf("got %+v without a journalctl", e)
	}
}
