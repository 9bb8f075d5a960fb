package boot

import (
	"time"

	"tocsin/internal/systemd"
)

// Case says which of the agent's starts this is.
type Case string

// The cases.
const (
	FirstStart Case = "first start" // nothing is known of the time before
	SameBoot   Case = "same boot"   // the machine stayed up, only the agent ended
	NewBoot    Case = "new boot"    // the machine came up anew
)

// Ending says how the machine went down.
type Ending string

// The endings.
const (
	Clean   Ending = "clean"   // in order: all services were stopped
	Unclean Ending = "unclean" // power loss, panic, reset, or forced
	Unknown Ending = "unknown" // nobody was there to see it
)

// Agent says what had become of the agent's last run.
type Agent string

// The fates of a run. The zero value is none worth a word: it ended with the
// machine.
const (
	AgentCrashed   Agent = "crashed"   // it ended without a word
	AgentRestarted Agent = "restarted" // by somebody, to start again at once
	AgentStopped   Agent = "stopped"   // by somebody
	AgentAbsent    Agent = "absent"    // it did not run in the boot that ended
	AgentDamaged   Agent = "damaged"   // its record cannot be read
)

// Facts is what Judge judges by. Now and Key must be known; whatever else is
// not is left at its zero value.
type Facts struct {
	Now time.Time
	Key Key // of the running boot
	// Booted is the manager's UserspaceTimestamp exactly as it stands there,
	// so that it tells soft reboots apart.
	Booted time.Time
	// Up is how long ago Booted was by a clock that nobody sets
	// (CLOCK_BOOTTIME). Where it is known it says when the machine came up:
	// Booted was taken from a clock that may have been set since.
	Up time.Duration
	// Clock: the clock is known to be synchronised (adjtimex(2)).
	Clock bool

	Record  Record
	Damaged bool  // the record could not be read
	Mark    *Mark // nil: its unit is not installed

	// Journal is what the journal has of the boot that Before names, and
	// Traces what Trace found of its end. Both may be left out.
	Journal Journal
	Traces  []Finding
}

// Journal is what the journal knows of the end of one boot. The zero value is
// nothing. It may lack the last minutes of a boot that was cut: it never
// decides against the record or the mark.
type Journal struct {
	BootID  string
	Stopped bool      // journald said that it was stopped
	Last    time.Time // its last entry
	// Target is the unit of the last "Reached target", such as
	// "reboot.target".
	Target string
}

// Verdict is what became of the last boot and of the agent's last run.
type Verdict struct {
	Case Case
	Key  Key // of the running boot
	// Before is the boot that ended, none if unknown. It is Key itself after
	// a soft reboot.
	Before Key
	// Soft: userspace alone came up anew, the kernel ran on.
	Soft   bool
	Booted time.Time // as in Facts

	// Of a new boot: how the machine went down, with the kind and who asked
	// for it where that is known. Cause is a few words for a subject, empty
	// for a clean ending; Why is one line with the evidence, empty if there
	// is nothing to add. Both are printable.
	Ending Ending
	Going  systemd.Going
	Cause  string
	Why    string

	Kernel string    // of the boot that ended
	End    time.Time // when it ended, zero if unknown
	Up     time.Time // when the machine came up, zero if unknown
	// Down is how long the machine was down, never negative; it means nothing
	// while End is zero. About: it is not exact, because nobody saw the end
	// or the clock is not to be trusted.
	Down  time.Duration
	About bool

	// Agent is the fate of the agent's last run, Since when that came about,
	// and for the same boot Away how long it did not run, roughly if
	// AwayAbout.
	Agent     Agent
	Since     time.Time
	Away      time.Duration
	AwayAbout bool

	// Fresh: the machine came up within the last ten minutes.
	Fresh bool
}

// Mail says whether the verdict is worth a mail about the boot: every new boot
// is, and a first start that is the start of the machine. What became of the
// agent within one boot is for Instance to tell.
func (v Verdict) Mail() bool {
	return v.Case == NewBoot || v.Case == FirstStart && v.Fresh
}

// The measures of a verdict.
const (
	// slack is how much two readings of one timestamp may differ.
	slack = time.Second
	// freshFor is how long after it came up a machine has just booted.
	freshFor = 10 * time.Minute
	// silence is how much longer than the agent the journal must have gone on
	// to prove that the agent had ended before: three heartbeats.
	silence = 3 * time.Minute
)

// Before names the boot that ended, for questions to the journal, and when its
// known life began: only traces that are newer tell of its end. Both are zero
// when nothing is known, and bootID also after a soft reboot, because the
// running boot has the same.
func (f Facts) Before() (bootID string, began time.Time) {
	w := f.witness()
	switch {
	case w.alone:
		bootID, began = w.life.BootID, w.life.Began
	default:
		bootID, began = f.Record.BootID, f.Record.Began
		if !w.life.Began.IsZero() && w.life.Began.Before(began) {
			began = w.life.Began
		}
	}
	if f.soft() || w.life.Key == f.Key {
		bootID = ""
	}
	return bootID, began
}

// up is when the machine came up, zero if unknown.
func (f *Facts) up() time.Time {
	if f.Up > 0 {
		return f.Now.Add(-f.Up)
	}
	return f.Booted
}

// fresh says whether the machine came up within the last ten minutes.
func (f *Facts) fresh() bool {
	up := f.up()
	return !up.IsZero() && f.Now.Sub(up).Abs() <= freshFor
}

// soft says whether userspace alone came up anew since the record was written:
// the kernel and PID 1 are the same, but the manager's timestamp is another
// one, and later than the start of the agent's run. Where it is not known, or
// the clock was set back in between, the record's own word counts.
func (f *Facts) soft() bool {
	r := &f.Record
	if f.Damaged || r.Key == "" || r.Key != f.Key {
		return false
	}
	word := r.How == WentDown && r.Going.Kind == systemd.SoftReboot
	if f.Booted.IsZero() || r.Booted.IsZero() {
		return word
	}
	another := f.Booted.Sub(r.Booted).Abs() > slack
	return another && (word || f.Booted.After(r.Began.Add(slack)))
}

// witness is what the mark knows of the boot that ended: nothing if life is
// zero.
type witness struct {
	life Life
	// alone: the record is of an earlier boot, or is not there.
	alone bool
}

func (f *Facts) witness() witness {
	if f.Mark == nil {
		return witness{}
	}
	life := f.Mark.Previous
	switch current := f.Mark.Current; {
	case current.Key != f.Key: // its unit has not started in this boot
		life = current
	case f.soft() && current.Began.Before(f.Booted.Add(-slack)):
		// A soft reboot that did not stop the unit: its life goes on.
		life = current
	}
	switch r := &f.Record; {
	case life.Damaged:
		return witness{life: life}
	case life.Key == "":
		return witness{}
	case f.Damaged || r.Key == "":
		return witness{life, true}
	case life.Key == r.Key && !f.later(life):
		if life.Away && life.Ended.IsZero() {
			return witness{}
		}
		return witness{life, false}
	case life.Key == r.Key || life.Began.After(r.Began):
		return witness{life, true}
	default: // the unit did not run in the record's boot
		return witness{}
	}
}

// later says whether a life of the record's boot began only after the soft
// reboot with which the record ended.
func (f *Facts) later(life Life) bool {
	r := &f.Record
	return r.How == WentDown && r.Going.Kind == systemd.SoftReboot && life.Began.After(r.Ended)
}
