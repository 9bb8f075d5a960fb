package boot_test

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

// The boots of the tests: the one that ended, one before it, and the running
// one.
const (
	oldKey, oldID   boot.Key = "0000000000000000000000000000000a-10", "0000000000000000000000000000000a"
	lastKey, lastID boot.Key = "0000000000000000000000000000000b-10", "0000000000000000000000000000000b"
	thisKey, thisID boot.Key = "0000000000000000000000000000000c-10", "0000000000000000000000000000000c"
)

// at is a moment of one day, "12:00:45".
func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-22 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// The day of the tests: the machine came up at 08:00 and went down at 12:00;
// it came up again at 12:00:45, and now it is 12:01.
const (
	markBegan, runBegan   = "08:00:02", "08:00:05"
	heartbeat             = "11:59:30"
	runEnded, journalLast = "12:00:00", "12:00:09"
	markEnded             = "12:00:10"
	cameUp, now           = "12:00:45", "12:01:00"
)

// recordOf makes the agent's record of the boot that ended: "none", "damaged",
// "runs", "stop", "restart", "down KIND" or "forced KIND".
func recordOf(t *testing.T, word string) (r boot.Record, damaged bool) {
	t.Helper()
	r = boot.Record{
		Key: lastKey, BootID: string(lastID), Kernel: "6.1.0-17", Began: at(runBegan), Alive: at(heartbeat), Booted: at("08:00:00"),
	}
	word, kind, _ := strings.Cut(word, " ")
	switch word {
	case "none":
		return boot.Record{}, false
	case "damaged":
		return boot.Record{}, true
	case "runs":
		return r, false
	case "stop", "restart":
		r.How = boot.How(word)
	case "down", "forced":
		r.How = boot.WentDown
		r.Going = systemd.Going{Kind: systemd.Kind(kind), Forced: word == "forced"}
	default:
		t.Fatalf("no record is called %q", word)
	}
	r.Ended = at(runEnded)
	return r, false
}

// markOf makes the mark as it is in the running boot: "none", "new" (its unit
// first ran in this boot), "damaged", "open", "away", or the kind with which
// the boot ended.
func markOf(word string) *boot.Mark {
	if word == "none" {
		return nil
	}
	m := &boot.Mark{Current: boot.Life{Key: thisKey, BootID: string(thisID), Kernel: "6.1.0-18", Began: at("12:00:47")}}
	if word == "new" {
		return m
	}
	m.Previous = boot.Life{Key: lastKey, BootID: string(lastID), Kernel: "6.1.0-17", Began: at(markBegan)}
	switch word {
	case "damaged":
		m.Previous = boot.Life{Damaged: true}
	case "open":
	case "away":
		m.Previous.Away = true
	default:
		m.Previous.Ended, m.Previous.Going.Kind = at(markEnded), systemd.Kind(word)
	}
	return m
}

// journalOf makes the journal of the boot that ended: "none", "cut" (it breaks
// off), "stopped", or the target that was reached after that.
func journalOf(word string) boot.Journal {
	j := boot.Journal{BootID: string(lastID), Last: at(journalLast), Target: "multi-user.target"}
	switch word {
	case "none":
		return boot.Journal{}
	case "cut":
	case "stopped":
		j.Stopped = true
	default:
		j.Stopped, j.Target = true, word
	}
	return j
}

func factsOf(t *testing.T, record, mark, journal string) boot.Facts {
	t.Helper()
	f := boot.Facts{Now: at(now), Key: thisKey, Booted: at(cameUp), Clock: true, Mark: markOf(mark), Journal: journalOf(journal)}
	f.Record, f.Damaged = recordOf(t, record)
	return f
}

// row is one line of the matrix: what was left behind, and what is said.
type row struct {
	name                  string
	record, mark, journal string
	but                   func(f *boot.Facts)
	head, why             string
	agent                 boot.Agent
}

const (
	noTrace  = boot.NoTrace
	inOrder  = ": services were not stopped in order"
	wentDown = "it went down while it was shutting down for a "
)

// triggers are the ways to go down that were measured, with and without a
// mark, a record and a journal of that boot.
func triggers() []row {
	const cut = "NOT CLEAN, power loss or hard reset, down about "
	return []row{
		// systemctl reboot, reboot, shutdown -r, init 6, ctrl-alt-del, RTMIN+5, start reboot.target
		{"reboot", "down reboot", "reboot", "reboot.target", nil, "clean reboot, down 35s", "", ""},
		// systemctl poweroff, poweroff, shutdown -P, init 0, nspawn's SIGTERM, isolate poweroff.target
		{"poweroff", "down poweroff", "poweroff", "poweroff.target", nil, "clean poweroff, down 35s", "", ""},
		{"halt", "down halt", "halt", "halt.target", nil, "clean halt, down 35s", "", ""},
		{"systemctl exit", "down exit", "exit", "exit.target", nil, "clean exit, down 35s", "", ""},
		{"systemctl kexec", "down kexec", "kexec", "kexec.target", nil, "clean kexec, down 35s", "", ""},
		{"reboot without a mark", "down reboot", "none", "none", nil, "clean reboot, down 45s", "", ""},
		{"reboot without a mark, journal goes on", "down reboot", "none", "reboot.target", nil, "clean reboot, down 36s", "", ""},
		{"mark unit installed in this boot", "down reboot", "new", "none", nil, "clean reboot, down 45s", "", ""},
		{"mark knows no kind, record does", "down halt", "shutdown", "none", nil, "clean halt, down 35s", "", ""},
		{"nobody knows the kind", "down shutdown", "shutdown", "none", nil, "clean shutdown, down 35s", "", ""},

		{"systemctl --force reboot", "forced reboot", "open", "stopped", nil, "NOT CLEAN, forced reboot, down 36s", "forced reboot" + inOrder, ""},
		{"systemctl --force reboot without a mark", "forced reboot", "none", "none", nil, "NOT CLEAN, forced reboot, down 45s", "forced reboot" + inOrder, ""},
		{"systemctl --force --force reboot", "runs", "open", "cut", nil, cut + "36s", noTrace, ""},
		{"kill -9 of PID 1", "runs", "open", "cut", nil, cut + "36s", noTrace, ""},
		{"power loss", "runs", "open", "none", nil, cut + "1m15s", noTrace, ""},
		{"power loss without a mark", "runs", "none", "none", nil, cut + "1m15s", noTrace, ""},
		{"power loss, journal of an older boot says clean", "runs", "open", "reboot.target", func(f *boot.Facts) {
			f.Journal.BootID = string(oldID)
		}, cut + "1m15s", noTrace, ""},
		{"journal never decides against the record", "runs", "none", "reboot.target", nil, cut + "36s", noTrace, ""},
		{"journal never decides against the mark", "stop", "open", "reboot.target", nil, cut + "36s", noTrace, boot.AgentStopped},
		{"power loss during a reboot", "down reboot", "open", "none", nil, "NOT CLEAN, went down while shutting down for a reboot, down about 45s", wentDown + "reboot", ""},
		{"power loss during a shutdown of no known kind", "down shutdown", "open", "none", nil, "NOT CLEAN, went down while shutting down, down about 45s", "it went down while it was shutting down", ""},

		{"agent stopped, then reboot", "stop", "reboot", "none", nil, "clean reboot, down 35s", "", boot.AgentStopped},
		{"agent being upgraded, then reboot", "restart", "reboot", "none", nil, "clean reboot, down 35s", "", boot.AgentRestarted},
		{"agent killed, then reboot", "runs", "reboot", "reboot.target", nil, "clean reboot, down 35s", "", boot.AgentCrashed},
		{"agent killed hours before a power loss", "runs", "open", "cut", func(f *boot.Facts) {
			f.Record.Alive = at("09:00:00")
		}, cut + "36s", noTrace, boot.AgentCrashed},
		{"agent stopped, no mark, journal: reboot", "stop", "none", "reboot.target", nil, "clean reboot, down 36s", "", boot.AgentStopped},
		{"agent stopped, no mark, journal: poweroff", "restart", "none", "poweroff.target", nil, "clean poweroff, down 36s", "", boot.AgentRestarted},
		{"agent stopped, no mark, journal: a forced reboot stops it too", "stop", "none", "stopped", nil, "not known how it went down, down about 36s", "the agent was stopped before, and the journal does not say more than that it was stopped", boot.AgentStopped},
		{"agent stopped, no mark, journal breaks off", "stop", "none", "cut", nil, cut + "36s", "the agent was stopped before, and the journal of that boot breaks off; " + noTrace, boot.AgentStopped},
		{"agent stopped, no mark, no journal", "stop", "none", "none", nil, "not known how it went down, down about 45s", "the agent was stopped before", boot.AgentStopped},
		{"isolate rescue.target, then off", "stop", "poweroff", "none", nil, "clean poweroff, down 35s", "", boot.AgentStopped},
		{"ended in a way that a newer version knows", "stop", "none", "none", func(f *boot.Facts) {
			f.Record.How = "upgrade"
		}, "not known how it went down, down about 45s", "the agent was stopped before", ""},
	}
}

// oddities are damaged files, wrong clocks, boots without the agent and
// boots that are none.
func oddities() []row {
	const cut = "NOT CLEAN, power loss or hard reset, down about "
	old := func(f *boot.Facts) { // the record is of the boot before the last one
		f.Record.Key, f.Record.BootID = oldKey, string(oldID)
		f.Record.Began, f.Record.Alive, f.Record.Ended = at("06:00:00"), at("06:30:00"), at("07:00:00")
	}
	return []row{
		{"record damaged, mark says clean", "damaged", "reboot", "none", nil, "clean reboot, down 35s", "", boot.AgentDamaged},
		{"record damaged, mark open", "damaged", "open", "none", nil, "NOT CLEAN, power loss or hard reset", noTrace, boot.AgentDamaged},
		{"record damaged, no mark", "damaged", "none", "none", nil, "NOT CLEAN, power loss or hard reset", "the agent's record of that boot is damaged; " + noTrace, boot.AgentDamaged},
		{"mark damaged, record says clean", "down reboot", "damaged", "none", nil, "clean reboot, down 45s", "", ""},
		{"mark damaged, record says forced", "forced halt", "damaged", "none", nil, "NOT CLEAN, forced halt, down 45s", "forced halt" + inOrder, ""},
		{"mark damaged, agent ran", "runs", "damaged", "none", nil, cut + "1m15s", "the mark of that boot is damaged; " + noTrace, ""},
		{"mark damaged, agent stopped", "stop", "damaged", "reboot.target", nil, cut + "36s", "the mark of that boot is damaged; " + noTrace, boot.AgentStopped},
		{"both damaged", "damaged", "damaged", "none", nil, "NOT CLEAN, power loss or hard reset", "the mark of that boot is damaged; " + noTrace, boot.AgentDamaged},

		{"agent did not run in that boot, clean", "stop", "reboot", "none", old, "clean reboot, down 35s", "", boot.AgentAbsent},
		{"agent did not run in that boot, cut", "stop", "open", "none", old, "NOT CLEAN, power loss or hard reset", noTrace, boot.AgentAbsent},
		{"agent did not run in that boot, cut, journal", "down reboot", "open", "cut", old, cut + "36s", noTrace, boot.AgentAbsent},
		{"agent did not run in that boot, nor did the mark unit at its end", "stop", "away", "none", old, "not known how it went down", "neither the agent nor its mark unit ran when it went down", boot.AgentAbsent},
		{"mark unit stopped before, record decides", "down reboot", "away", "none", nil, "clean reboot, down 45s", "", ""},
		{"mark unit did not run in that boot", "down reboot", "open", "none", func(f *boot.Facts) {
			f.Mark.Previous.Key, f.Mark.Previous.Began = oldKey, at("06:00:00")
		}, "clean reboot, down 45s", "", ""},
		{"mark unit has not run in this boot yet", "down reboot", "reboot", "none", func(f *boot.Facts) {
			f.Mark.Current, f.Mark.Previous = f.Mark.Previous, boot.Life{}
		}, "clean reboot, down 35s", "", ""},
		{"agent new, mark of the last boot", "none", "open", "none", nil, "NOT CLEAN, power loss or hard reset", noTrace, boot.AgentAbsent},

		{"clock not synchronised", "down reboot", "reboot", "none", func(f *boot.Facts) { f.Clock = false }, "clean reboot, down about 35s", "", ""},
		{"clock went back", "down reboot", "reboot", "none", func(f *boot.Facts) {
			f.Booted, f.Now = at("04:00:00"), at("04:00:15")
		}, "clean reboot, down about 0s", "", ""},
		{"clock was set after the boot", "down reboot", "reboot", "none", func(f *boot.Facts) {
			f.Booted, f.Up = at("03:00:00"), 10*time.Second
		}, "clean reboot, down 40s", "", ""},
		{"nobody knows when it came up", "down reboot", "reboot", "none", func(f *boot.Facts) { f.Booted = time.Time{} }, "clean reboot, down about 50s", "", ""},

		{"soft reboot", "down soft-reboot", "none", "none", soft, "clean soft reboot, down 45s", "", ""},
		{"soft reboot with a mark", "down soft-reboot", "soft-reboot", "none", func(f *boot.Facts) {
			soft(f)
			f.Mark.Previous.Key = thisKey
		}, "clean soft reboot, down 35s", "", ""},
		{"soft reboot --force", "runs", "open", "cut", func(f *boot.Facts) {
			soft(f) // its unit did not stop, so its life goes on
			f.Mark.Current = f.Mark.Previous
			f.Mark.Current.Key, f.Mark.Previous = thisKey, boot.Life{}
		}, "NOT CLEAN, soft reboot, down about 1m15s", "soft reboot" + inOrder, ""},
		{"soft reboot, manager not asked", "down soft-reboot", "none", "none", func(f *boot.Facts) {
			soft(f)
			f.Booted = time.Time{}
		}, "clean soft reboot, down about 1m", "", ""},
		{"soft reboot, clock went back", "down soft-reboot", "none", "none", func(f *boot.Facts) {
			soft(f)
			f.Booted, f.Now = at("04:00:00"), at("04:00:15")
		}, "clean soft reboot, down about 0s", "", ""},
		{"power loss after a soft reboot that the agent did not see", "down soft-reboot", "open", "none", func(f *boot.Facts) {
			f.Mark.Previous.Began = at("12:00:20")
		}, "NOT CLEAN, power loss or hard reset", noTrace, boot.AgentAbsent},

		{"kernel panic", "runs", "open", "none", panicked, "NOT CLEAN, kernel panic, down about 1m15s", "Kernel panic - not syncing: boom (pstore)", ""},
		{"kernel panic during a reboot", "down reboot", "open", "none", panicked, "NOT CLEAN, kernel panic, down about 45s", wentDown + "reboot; Kernel panic - not syncing: boom (pstore)", ""},
		{"kernel panic while the agent was stopped", "stop", "none", "none", panicked, "NOT CLEAN, kernel panic, down about 45s", "Kernel panic - not syncing: boom (pstore)", boot.AgentStopped},
		{"traces are of no interest after a clean end", "down reboot", "reboot", "none", panicked, "clean reboot, down 35s", "", ""},
	}
}

func soft(f *boot.Facts) { f.Record.Key = thisKey }

func panicked(f *boot.Facts) {
	f.Traces = boot.Best(boot.KernelLines([]string{"<0>[ 12.5] Kernel panic - not syncing: boom"}, boot.Signs(), "pstore"))
}

func TestJudgeNewBoot(t *testing.T) {
	for _, r := range append(triggers(), oddities()...) {
		t.Run(r.name, func(t *testing.T) {
			f := factsOf(t, r.record, r.mark, r.journal)
			if r.but != nil {
				r.but(&f)
			}
			v := boot.Judge(f)
			if v.Case != boot.NewBoot || !v.Mail() {
				t.Errorf("got case %q, mail %v, want a new boot and a mail", v.Case, v.Mail())
			}
			if got := headline(v); got != r.head {
				t.Errorf("head: got %q, want %q", got, r.head)
			}
			if v.Why != r.why {
				t.Errorf("why: got %q, want %q", v.Why, r.why)
			}
			if v.Agent != r.agent {
				t.Errorf("agent: got %q, want %q", v.Agent, r.agent)
			}
			if v.Down < 0 {
				t.Errorf("down: got %v, want none below zero", v.Down)
			}
		})
	}
}

func headline(v boot.Verdict) string {
	head, _, _ := strings.Cut(v.Event("host", boot.Telling{}).Description, "\n")
	return head
}
