package boot

import (
	"strconv"
	"time"

	"tocsin"
)

// Ended is a run of the agent that ended while the machine stayed up.
type Ended struct {
	// Run is the agent's record of it.
	Run Record
	// Cause is how it ended if it did so without a word: "watchdog", "killed
	// by signal 9", "exit code 2". Empty: unknown.
	Cause string
	Last  []string // what it said last; the last 20 lines are kept
}

// Instance is the event about the run of the agent that ended before this one,
// for a verdict about the same boot. A crash is a Warning. Its id depends on
// nothing but that run, and so does its incident, which it shares with
// Stopping.
func (v Verdict) Instance(host string, ended Ended, now time.Time) tocsin.Event {
	var p page
	away := span(v.Away)
	if v.AwayAbout {
		away = "about " + away
	}
	e := instance(host, &ended.Run, "started", now)
	switch v.Agent {
	case AgentCrashed:
		cause := printable(ended.Cause, maxShort)
		if cause == "" {
			cause = "unknown"
		}
		p.headline = "the agent had ended without a word (" + cause + ") and runs again"
		p.line("Not watching:", away)
		p.block("Last lines of the agent:", printableLines(ended.Last, maxLast))
		e.Severity = tocsin.Warning
	case AgentRestarted:
		p.headline = "restarted, nothing was watched for " + away
	default:
		p.headline = "started again, nothing was watched for " + away
	}
	e.Description = p.String()
	return e
}

// Stopping is the event that the agent is being stopped while the machine
// stays up. r is its record.
func Stopping(host string, r Record, now time.Time) tocsin.Event {
	e := instance(host, &r, "stopped", now)
	e.Description = "stopped: nothing is watched until it is started"
	return e
}

// instance is an event about a run of the agent, without a description.
func instance(host string, r *Record, what string, now time.Time) tocsin.Event {
	began := strconv.FormatInt(r.Began.UnixNano(), 10)
	return tocsin.Event{
		ID: tocsin.Identify("instance", what, string(r.Key), began), Type: tocsin.Instance, Name: "Instance changed", Host: host,
		Kind: "system", Check: "tocsin", Rule: "instance", Action: "alert", At: now,
		Incident: tocsin.Identify("run", string(r.Key), began),
	}
}
