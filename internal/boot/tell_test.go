package boot_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

var update = flag.Bool("update", false, "rewrite the golden texts")

// zone is an hour east of the moments of the tests.
func zone() *time.Location { return time.FixedZone("CET", 3600) }

// telling is all that there is to say about a boot.
func telling() boot.Telling {
	return boot.Telling{
		Now: at(now), Zone: zone(), Kernel: "6.1.0-18", Took: 12300 * time.Millisecond,
		Failed: []string{"nginx.service", "mnt-backup.mount"},
		Last:   []string{"Nov 22 12:59:58 kernel: ata1.00: failed command: READ FPDMA QUEUED", "Nov 22 13:00:00 systemd[1]: Stopping nginx.service\x1b[0m"},
	}
}

// tellings are the events that have a golden text, by the name of their file.
func tellings(t *testing.T) map[string]tocsin.Event {
	t.Helper()
	asked := func(f *boot.Facts) { f.Mark.Previous.Going.By, f.Mark.Previous.Going.Wall = "root", "kernel upgrade" }
	all := map[string]tocsin.Event{}
	for _, c := range []struct {
		name, record, mark, journal string
		but                         func(f *boot.Facts)
		say                         boot.Telling
	}{
		{"boot_clean", "down reboot", "reboot", "none", asked, telling()},
		{"boot_clean_little_known", "down shutdown", "none", "none", func(f *boot.Facts) { f.Record.Kernel = "" }, boot.Telling{Now: at(now), Zone: zone()}},
		{"boot_poweroff_agent_stopped", "stop", "poweroff", "none", func(f *boot.Facts) { f.Booted, f.Now = at("14:03:10"), at("14:03:30") }, telling()},
		{"boot_agent_killed_before", "runs", "reboot", "none", nil, telling()},
		{"boot_agent_absent", "stop", "reboot", "none", func(f *boot.Facts) { f.Record.Key, f.Record.Began = oldKey, at("06:00:00") }, telling()},
		{"boot_power_loss", "runs", "open", "cut", nil, telling()},
		{"boot_panic", "runs", "open", "none", panicked, telling()},
		{"boot_forced", "forced reboot", "open", "none", func(f *boot.Facts) { f.Record.Going.By = "root" }, telling()},
		{"boot_cut_while_going_down", "down reboot", "open", "none", func(f *boot.Facts) { f.Record.Going.Wall = "kernel upgrade" }, telling()},
		{"boot_not_known", "stop", "none", "none", nil, telling()},
		{"boot_record_damaged", "damaged", "open", "none", nil, telling()},
		{"boot_soft", "down soft-reboot", "none", "none", soft, telling()},
		{"boot_first_start", "none", "none", "none", nil, telling()},
		{"boot_with_program", "down reboot", "reboot", "none", nil, boot.Telling{
			Now: at(now), Zone: zone(), Program: "raid: all disks are there\r\n\n\tbackup: mounted\n\x07",
			Failed: strings.Split("a b c d e f g h i j k l", " "),
		}},
	} {
		f := factsOf(t, c.record, c.mark, c.journal)
		if c.but != nil {
			c.but(&f)
		}
		all[c.name] = boot.Judge(f).Event("web1.example.org", c.say)
	}
	for name, g := range map[string]systemd.Going{
		"shutdown_reboot":   {Kind: systemd.Reboot, By: "root", Wall: "kernel upgrade"},
		"shutdown_poweroff": {Kind: systemd.Poweroff, By: "anna"},
		"shutdown_unknown":  {Kind: systemd.Shutdown, Wall: "maintenance"},
		"shutdown_forced":   {Kind: systemd.Reboot, Forced: true},
		"shutdown_soft":     {Kind: systemd.SoftReboot},
	} {
		all[name] = boot.Shutdown("web1.example.org", lastKey, 1, g, 52*time.Hour, at(runEnded))
	}
	for name, record := range map[string]string{
		"instance_crashed": "runs", "instance_restarted": "restart", "instance_started_again": "stop",
	} {
		f := factsOf(t, record, "none", "none")
		f.Record.Key, f.Booted = thisKey, f.Record.Booted
		f.Now = f.Now.Add(2 * time.Minute)
		ended := boot.Ended{Run: f.Record, Cause: "killed by signal 9", Last: []string{"level=INFO msg=\"mail sent\"", "panic: x"}}
		all[name] = boot.Judge(f).Instance("web1.example.org", ended, f.Now)
	}
	r, _ := recordOf(t, "runs")
	all["instance_stopped"] = boot.Stopping("web1.example.org", r, at(runEnded))
	return all
}

// TestGolden compares testdata/NAME.txtar, which holds the event without its
// description and the description; -update rewrites them.
func TestGolden(t *testing.T) {
	for name, e := range tellings(t) {
		t.Run(name, func(t *testing.T) {
			text := e.Description + "\n"
			checkText(t, e.Description)
			e.Description = ""
			head, err := json.MarshalIndent(e, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: "event.json", Data: append(head, '\n')}, {Name: "description", Data: []byte(text)}}})
			path := filepath.Join("testdata", name+".txtar")
			if *update {
				put(t, path, string(got))
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	all := tellings(t)
	seen := map[string]string{}
	for _, name := range []string{"boot_clean", "boot_soft", "shutdown_reboot", "instance_crashed", "instance_stopped"} {
		id := all[name].ID
		if other, ok := seen[id]; ok || len(id) != 32 {
			t.Errorf("%s has the id %q, as has %q", name, id, other)
		}
		seen[id] = name
	}
	// What is said about a boot does not change its id; what happens again does.
	if all["boot_clean"].ID != all["boot_power_loss"].ID || all["boot_clean"].ID != all["boot_first_start"].ID {
		t.Error("the id of a boot depends on its verdict")
	}
	second := boot.Shutdown("web1.example.org", lastKey, 2, systemd.Going{}, 0, at(now))
	if second.ID == all["shutdown_reboot"].ID {
		t.Error("two shutdowns of a boot have one id")
	}
	// The mails of one cycle are one thread, and so are those of one stop.
	if all["boot_clean"].Incident != second.Incident || second.Incident == "" {
		t.Errorf("got incidents %q and %q, want one", all["boot_clean"].Incident, second.Incident)
	}
	r, _ := recordOf(t, "stop")
	v := boot.Judge(boot.Facts{Now: at(now), Key: lastKey, Record: r})
	if again := v.Instance("web1.example.org", boot.Ended{Run: r}, at(now)); again.Incident != all["instance_stopped"].Incident || again.ID == all["instance_stopped"].ID {
		t.Errorf("got %+v for the start after %+v", again, all["instance_stopped"])
	}
}

func TestSoftRebootsOfOneBootHaveTheirOwnIDs(t *testing.T) {
	f := factsOf(t, "down soft-reboot", "none", "none")
	soft(&f)
	first := boot.Judge(f).Event("host", boot.Telling{})
	f.Booted = f.Booted.Add(time.Hour)
	if second := boot.Judge(f).Event("host", boot.Telling{}); second.ID == first.ID {
		t.Errorf("got %q twice", first.ID)
	}
}

// TestDescriptionIsBounded: a mail shows 16 KiB of a description, so that is
// the most that one may have.
func TestDescriptionIsBounded(t *testing.T) {
	long := strings.Repeat("ö\x1b", 8<<10)
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = long
	}
	for _, record := range []string{"runs", "down reboot", "forced reboot"} {
		f := factsOf(t, record, "open", "cut")
		f.Record.Kernel, f.Record.Going.By, f.Record.Going.Wall = long, long, long
		f.Traces = []boot.Finding{{Cause: long, Text: long, Source: long}, {Cause: long, Text: long, Source: long}, {Cause: long, Text: long, Source: long}}
		v := boot.Judge(f)
		e := v.Event("host", boot.Telling{Now: at(now), Kernel: long, Failed: lines, Last: lines, Program: strings.Repeat("x\n"+long, 50)})
		checkText(t, e.Description)
		checkText(t, boot.Shutdown("host", lastKey, 1, f.Record.Going, time.Hour, at(now)).Description)
		checkText(t, v.Instance("host", boot.Ended{Cause: long, Last: lines}, at(now)).Description)
	}
}
