package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

func selfKind() Kind {
	return Kind{
		Name: "self",
		Doc:  "the running agent itself: its mail, its queue, what it keeps on disk and what it uses",
		Metrics: []Metric{
			{Name: "badmail", Unit: Count, Doc: "mails and events that were given up, until a person looks at them, spool/badmail"},
			{Name: "checks.late", Unit: Count, Doc: "checks whose reading has missed its timeout and does not end, the engine"},
			{Name: "disk.free", Unit: Bytes, Doc: "space for the agent's files where its state directory is, statfs(2)"},
			{Name: "disk.percent", Unit: Percent, Doc: "used space there, statfs(2)"},
			{Name: "events.unwritten", Unit: Count, Doc: "events that the disk did not take, which are sent from memory and lost by a crash, the engine"},
			{Name: "fds.open", Unit: Count, Doc: "open files of the agent, proc(5) self/fd"},
			{Name: "fds.percent", Unit: Percent, Doc: "fds.open of what it may open, getrlimit(2)"},
			{Name: "goroutines", Unit: Count, Doc: "what goes on in the agent at the same time, the Go runtime"},
			{Name: "heartbeat.failing", Unit: Seconds, Doc: "how long the heartbeat that fails longest has not been sent although the agent is well, 0 when all are, heartbeat blocks"},
			{Name: "mail.age", Unit: Seconds, Doc: "since a mail server last took a mail; no value before the first one of this run, the courier"},
			{Name: "mail.failing", Unit: Seconds, Doc: "how long something has waited because every mail server fails, 0 when it does not, the courier"},
			{Name: "memory.rss", Unit: Bytes, Doc: "resident memory of the agent, proc(5) self/statm"},
			{Name: "queue.age", Unit: Seconds, Doc: "how long the oldest mail or event has waited that may go, also for a limit, the spool"},
			{Name: "queue.critical_age", Unit: Seconds, Doc: "the same of critical events, which no limit holds back for long, the spool"},
			{Name: "queue.length", Unit: Count, Doc: "mails and events that are not delivered and not on hold, the spool"},
			{Name: "rules.rejected", Unit: Truth, Doc: "the rule files could not be used at the last reload, so that others are in force, tocsin reload"},
			{Name: "servers.failing", Unit: Seconds, Doc: "how long the mail server that fails longest has taken no mail, 0 when none fails, the courier"},
			{Name: "servers.paused", Unit: Count, Doc: "mail servers that are left alone now, after a failure or at a limit, the courier"},
			{Name: "state.unsaved", Unit: Truth, Doc: "the state of the rules could not be saved, which is tried again, the engine"},
			{Name: "uptime", Unit: Seconds, Doc: "since the agent was started, the agent"},
		},
		Open: openSelf,
	}
}

// self reads the agent that it is part of.
type self struct {
	host *Host
	spec Spec
}

func openSelf(h *Host, s Spec) (Reader, error) { return &self{h, s}, nil }

// errNoAgent is for a command that reads checks beside the agent.
var errNoAgent = errors.New(`only the running agent knows itself: "tocsin status" asks it`)

// Read asks the agent and looks at its process.
func (s *self) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, err
	}
	if s.host.Own == nil {
		return tocsin.Reading{}, errNoAgent
	}
	d := newDraft(s.spec)
	values, err := s.host.Own(ctx, d.wants)
	if err != nil {
		return tocsin.Reading{}, fmt.Errorf("read self: %w", err)
	}
	for name, v := range values {
		if d.wants(name) {
			d.reading.Values.Set(name, v)
		}
	}
	d.number("goroutines", float64(runtime.NumGoroutine()))
	s.memory(d)
	s.files(d)
	return d.reading, nil
}

// memory reads the second number of proc(5) statm, in pages.
func (s *self) memory(d *draft) {
	if !d.wants("memory.rss") {
		return
	}
	data, err := os.ReadFile(s.host.proc() + "/self/statm")
	if words := bytes.Fields(data); err == nil && len(words) > 1 {
		pages, bad := strconv.ParseUint(string(words[1]), 10, 40)
		err = bad
		d.number("memory.rss", float64(pages)*float64(os.Getpagesize()))
	}
	if err != nil {
		d.fail(fmt.Errorf("read statm: %w", err), "memory.rss")
	}
}

// files counts the open files.
func (s *self) files(d *draft) {
	if !d.wants("fds.open", "fds.percent") {
		return
	}
	n, err := s.countFiles()
	if err != nil {
		d.fail(fmt.Errorf("count open files: %w", err), "fds.open", "fds.percent")
		return
	}
	d.number("fds.open", n)
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &most); err != nil {
		d.fail(fmt.Errorf("getrlimit: %w", err), "fds.percent")
		return
	}
	d.share("fds.percent", n, float64(most.Cur))
}

// countFiles counts what the agent has open besides what counting takes.
func (s *self) countFiles() (float64, error) {
	dir, err := openDir(s.host.proc() + "/self")
	if err != nil {
		return 0, err
	}
	defer dir.close()
	n, err := dir.countFDs(make([]byte, os.Getpagesize()))
	return float64(n - 2), err // /proc/self and its fd
}

// OwnFigures are the metrics of the kind self that the agent has to say.
type OwnFigures struct {
	Badmail, Late, Unwritten, Queue, Paused int
	// Free and Size are bytes of the file system of the state directory; Size 0
	// says that they are not known.
	Free, Size float64
	// Delivered is zero before the first mail.
	Now, Started, Delivered time.Time
	// The durations are 0 when there is nothing to complain of.
	QueueAge, CriticalAge, MailFailing, ServerFailing, HeartbeatFailing time.Duration
	Rejected, Unsaved                                                   bool
}

// Values are the figures by the names of their metrics.
func (f OwnFigures) Values() map[string]tocsin.Value {
	values := map[string]tocsin.Value{
		"badmail": tocsin.Number(float64(f.Badmail)), "checks.late": tocsin.Number(float64(f.Late)),
		"events.unwritten":   tocsin.Number(float64(f.Unwritten)),
		"heartbeat.failing":  seconds(f.HeartbeatFailing),
		"mail.failing":       seconds(f.MailFailing),
		"queue.age":          seconds(f.QueueAge),
		"queue.critical_age": seconds(f.CriticalAge),
		"queue.length":       tocsin.Number(float64(f.Queue)),
		"rules.rejected":     tocsin.Bool(f.Rejected),
		"servers.failing":    seconds(f.ServerFailing),
		"servers.paused":     tocsin.Number(float64(f.Paused)),
		"state.unsaved":      tocsin.Bool(f.Unsaved),
		"uptime":             seconds(f.Now.Sub(f.Started)),
	}
	if !f.Delivered.IsZero() {
		values["mail.age"] = seconds(f.Now.Sub(f.Delivered))
	}
	if f.Size > 0 {
		values["disk.free"] = tocsin.Number(f.Free)
		values["disk.percent"] = tocsin.Number(min(100, max(0, 100*(1-f.Free/f.Size))))
	}
	return values
}

// seconds is a duration that may come of a clock that went back.
func seconds(d time.Duration) tocsin.Value { return tocsin.Number(max(0, d).Seconds()) }
