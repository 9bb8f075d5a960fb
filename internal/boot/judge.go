package boot

import (
	"cmp"

	"tocsin/internal/systemd"
)

// Judge says what became of the last boot and of the agent's last run. It is
// pure.
//
// The mark decides, for its unit outlives the agent; then the record; and the
// journal only where the agent had been stopped before the machine went down.
// A record or mark that is damaged speaks for an ending that was not clean,
// unless the other one says that it was.
func Judge(f Facts) Verdict {
	v := Verdict{Key: f.Key, Booted: f.Booted, Up: f.up(), Fresh: f.fresh()}
	w := f.witness()
	switch {
	case !f.Damaged && f.Record.Key == "" && (!v.Fresh || !w.alone):
		v.Case = FirstStart
	case !f.Damaged && f.Record.Key == f.Key && !f.soft():
		v.Case = SameBoot
		f.judgeRun(&v)
	default:
		v.Case = NewBoot
		v.Soft = f.soft() || w.life.Key == f.Key
		f.judgeBoot(&v, w)
	}
	return v
}

// judgeRun says what became of the agent while the machine stayed up.
func (f *Facts) judgeRun(v *Verdict) {
	r := &f.Record
	v.Before, v.Since = r.Key, r.lastSign()
	switch r.How {
	case Running:
		v.Agent, v.AwayAbout = AgentCrashed, true
	case Restarted:
		v.Agent = AgentRestarted
	default: // after WentDown, a shutdown that was called off
		v.Agent = AgentStopped
	}
	v.Away = max(f.Now.Sub(v.Since), 0)
	v.AwayAbout = v.AwayAbout || f.Now.Before(v.Since)
}

// judgeBoot says how the machine went down.
func (f *Facts) judgeBoot(v *Verdict, w witness) {
	v.Before, v.Kernel = w.life.Key, w.life.Kernel
	if !w.alone {
		v.Before, v.Kernel = cmp.Or(f.Record.Key, v.Before), cmp.Or(f.Record.Kernel, v.Kernel)
	}
	switch {
	case !w.life.Ended.IsZero():
		f.byMark(v, w)
	case w.alone && w.life.Away:
		v.Ending, v.Why = Unknown, "neither the agent nor its mark unit ran when it went down"
	case w.life.Key != "" || w.life.Damaged:
		f.byOpenMark(v, w)
	default:
		f.byRecord(v)
	}
	if v.Ending == Unknown && proof(f.Traces) {
		v.Ending, v.Why = Unclean, ""
	}
	if v.Soft && v.Going.Kind == "" {
		v.Going.Kind = systemd.SoftReboot
	}
	if v.Ending == Unclean {
		f.explain(v)
	}
	f.judgeAgent(v, w)
	f.measure(v, w)
}

// byMark is for a boot that the mark saw to its end.
func (f *Facts) byMark(v *Verdict, w witness) {
	v.Ending, v.Going = Clean, w.life.Going
	if !w.alone && f.Record.How == WentDown {
		// The agent heard it earlier, when logind still knew who and why.
		g := f.Record.Going
		if v.Going.Kind == "" || v.Going.Kind == systemd.Shutdown {
			v.Going.Kind = g.Kind
		}
		v.Going.By, v.Going.Wall = cmp.Or(v.Going.By, g.By), cmp.Or(v.Going.Wall, g.Wall)
	}
	if v.Going.Forced {
		v.Ending = Unclean
	}
}

// byOpenMark is for a boot that the mark did not see to its end, or a mark
// that cannot be read.
func (f *Facts) byOpenMark(v *Verdict, w witness) {
	v.Ending = Unclean
	if !w.alone && f.Record.How == WentDown {
		v.Going = f.Record.Going
		if w.life.Damaged && !v.Going.Forced {
			v.Ending = Clean
			return
		}
		if !v.Going.Forced && !v.Soft {
			v.Cause = "went down while " + shuttingDown(v.Going.Kind)
			v.Why = "it went down while it was " + shuttingDown(v.Going.Kind)
		}
	}
	if w.life.Damaged {
		v.Why = "the mark of that boot is damaged"
	}
}

// byRecord is for a boot without a mark.
func (f *Facts) byRecord(v *Verdict) {
	r := &f.Record
	switch {
	case f.Damaged:
		v.Ending, v.Why = Unclean, "the agent's record of that boot is damaged"
	case r.How == Running:
		v.Ending = Unclean
	case r.How == WentDown:
		v.Ending, v.Going = Clean, r.Going
		if r.Going.Forced {
			v.Ending = Unclean
		}
	default:
		f.byJournal(v)
	}
}

// byJournal is for a boot whose agent was stopped before it ended, without a
// mark. That the journal was stopped is not enough: so it is by a forced
// reboot, which reaches no target (measured).
func (f *Facts) byJournal(v *Verdict) {
	j, kind := f.journal(witness{}), kindOf(f.Journal.Target)
	switch {
	case j.Last.IsZero() && !j.Stopped:
		v.Ending, v.Why = Unknown, "the agent was stopped before"
	case kind != "":
		v.Ending, v.Going = Clean, systemd.Going{Kind: kind}
	case j.Stopped:
		v.Ending, v.Why = Unknown, "the agent was stopped before, and the journal does not say more than that it was stopped"
	default:
		v.Ending, v.Why = Unclean, "the agent was stopped before, and the journal of that boot breaks off"
	}
}

// journal is the evidence of the journal, none if it is of another boot or,
// after a soft reboot, of the running one as well.
func (f *Facts) journal(w witness) Journal {
	id := f.Record.BootID
	if w.alone {
		id = w.life.BootID
	}
	if id == "" || f.Journal.BootID != id || f.soft() || w.life.Key == f.Key {
		return Journal{}
	}
	return f.Journal
}

// kindOf is how a machine goes down with a target (systemd.special(7)), none
// if it does not.
func kindOf(target string) systemd.Kind {
	switch target {
	case "reboot.target":
		return systemd.Reboot
	case "poweroff.target":
		return systemd.Poweroff
	case "halt.target":
		return systemd.Halt
	case "kexec.target":
		return systemd.Kexec
	case "soft-reboot.target":
		return systemd.SoftReboot
	case "exit.target":
		return systemd.Exit
	case "shutdown.target", "umount.target", "final.target":
		return systemd.Shutdown
	default:
		return ""
	}
}

// explain gives the cause and reason of an ending that was not clean.
func (f *Facts) explain(v *Verdict) {
	const inOrder = "services were not stopped in order"
	switch {
	case v.Going.Forced:
		v.Cause = "forced " + noun(v.Going.Kind)
		v.Why = joined("; ", v.Cause+": "+inOrder, askedFor(v.Going))
		return
	case v.Soft:
		v.Cause = "soft reboot"
		v.Why = joined("; ", v.Why, v.Cause+": "+inOrder)
		return
	}
	cause, reason := Cause(f.Traces), Reason(f.Traces)
	if v.Cause != "" && len(f.Traces) == 0 { // it was going down anyway
		v.Why = joined("; ", v.Why, askedFor(v.Going))
		return
	}
	if v.Cause == "" || proof(f.Traces) {
		v.Cause = cause
	}
	v.Why = joined("; ", v.Why, reason)
}

// judgeAgent says what had become of the agent before the machine went down.
func (f *Facts) judgeAgent(v *Verdict, w witness) {
	r := &f.Record
	switch {
	case f.Damaged:
		v.Agent = AgentDamaged
		return
	case w.alone:
		v.Agent = AgentAbsent
	case r.How == Stopped:
		v.Agent = AgentStopped
	case r.How == Restarted:
		v.Agent = AgentRestarted
	case r.How == Running && !w.life.Ended.IsZero():
		v.Agent = AgentCrashed
	case r.How == Running && f.journal(w).Last.Sub(r.lastSign()) > silence:
		v.Agent = AgentCrashed
	}
	if v.Agent != "" {
		v.Since = r.lastSign()
	}
}

// measure says when the machine went down and for how long. The record and the
// journal can only say that it was still up at some moment, so the latest of
// them is the best.
func (f *Facts) measure(v *Verdict, w witness) {
	exact := true
	switch {
	case !w.life.Ended.IsZero():
		v.End = w.life.Ended
	default:
		r := f.Record
		if w.alone {
			r = Record{}
		}
		last := f.journal(w).Last
		v.End = latest(r.lastSign(), last)
		ending := v.Ending == Clean || v.Going.Forced
		exact = ending && (v.End.Equal(last) || r.How == WentDown && v.End.Equal(r.Ended))
	}
	up := v.Up
	if up.IsZero() {
		up, exact = f.Now, false
	}
	if v.End.IsZero() {
		return
	}
	down := up.Sub(v.End)
	v.Down = max(down, 0)
	v.About = !exact || down < 0 || !f.Clock
}

func shuttingDown(k systemd.Kind) string {
	switch k {
	case "", systemd.Shutdown:
		return "shutting down"
	case systemd.Exit:
		return "shutting down for an exit"
	default:
		return "shutting down for a " + noun(k)
	}
}

// noun is a kind as a person says it.
func noun(k systemd.Kind) string {
	switch k {
	case "":
		return string(systemd.Shutdown)
	case systemd.SoftReboot:
		return "soft reboot"
	default:
		return printable(string(k), maxShort)
	}
}

// joined puts a separator between the texts that are not empty.
func joined(separator string, texts ...string) string {
	all := ""
	for _, text := range texts {
		if all != "" && text != "" {
			all += separator
		}
		all += text
	}
	return all
}

// askedFor says who wanted the machine to go down, and what they said; empty
// if neither is known.
func askedFor(g systemd.Going) string {
	by, wall := printable(g.By, maxShort), printable(g.Wall, maxWhy)
	switch {
	case by != "" && wall != "":
		return "asked for by " + by + ": " + wall
	case by != "":
		return "asked for by " + by
	case wall != "":
		return "asked for: " + wall
	default:
		return ""
	}
}
