package machine

import (
	"context"
	"strings"
	"time"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

// The measures of what is asked of the journal.
const (
	// lastLines is how many lines of the journal a mail gets, and askLimit how
	// long they may take.
	lastLines = 20
	askLimit  = 5 * time.Second
	// kernelLines is how many lines of the kernel are searched for why it
	// ended.
	kernelLines = 200
	// kernelFirst is how many of the first lines of the kernel that runs are
	// searched for what it says of the one before it.
	kernelFirst = 1000
	// deathLines is how many lines of the agent are searched for its last
	// words: a dump of all goroutines is long.
	deathLines = 1000
)

// words are the last ones of a boot.
type words struct{ lines, kernel []string }

// endOf asks the journal for the end of a boot.
func (m *Machine) endOf(ctx context.Context, bootID string, facts *boot.Facts) words {
	if bootID == "" {
		return words{}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, lastLines, "_BOOT_ID="+bootID)
	if err != nil {
		m.Log.Info("journal of the boot that ended not read", "err", err)
		return words{}
	}
	facts.Journal = boot.Journal{BootID: bootID}
	for _, l := range lines {
		facts.Journal.Last = l.At
		facts.Journal.Stopped = facts.Journal.Stopped || l.MessageID == journalStopped
		if strings.HasPrefix(l.Message, "Reached target ") {
			facts.Journal.Target = l.Unit
		}
	}
	said := words{lines: texts(lines)}
	if lines, err = m.Journal.Lines(ctx, kernelLines, "_BOOT_ID="+bootID, "_TRANSPORT=kernel"); err == nil {
		said.kernel = messages(lines, facts.Journal.Last.Add(-recent))
	}
	return said
}

// journalStopped is SD_MESSAGE_JOURNAL_STOP (sd-messages(3)).
const journalStopped = "d93fb3c9c24d451a97cea615ce59c00b"

// recent is how long before its end a kernel's error may be the cause of it.
const recent = 10 * time.Minute

// earlyWords are the first lines of the kernel that runs.
func (m *Machine) earlyWords(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.First(ctx, kernelFirst, "_TRANSPORT=kernel", "_BOOT_ID="+m.journalBoot(ctx))
	if err != nil {
		return nil
	}
	return messages(lines, time.Time{})
}

// journalBoot is the boot id that the journal has for the running boot. In a
// container it is not always the one that a sandboxed process reads.
func (m *Machine) journalBoot(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, 1, "_PID=1")
	if err != nil || len(lines) == 0 || lines[0].At.Before(m.record.Began.Add(-recent)) {
		return m.record.BootID
	}
	return lines[0].BootID
}

// causeOfDeath is what the service manager said of the agent's last end, and
// the agent's last lines.
func (m *Machine) causeOfDeath(ctx context.Context) (cause string, last []string) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, lastLines, "_PID=1", "UNIT="+m.Unit)
	for _, l := range before(lines, m.record.Began) {
		switch {
		case l.UnitResult == "watchdog":
			cause = "watchdog: it did not answer itself"
		case l.UnitResult != "":
		case l.ExitCode == "exited":
			cause = "exit code " + l.ExitStatus
		case l.ExitCode != "":
			cause = "killed by signal " + l.ExitStatus
		}
	}
	if err == nil {
		lines, err = m.Journal.Lines(ctx, deathLines, "_SYSTEMD_UNIT="+m.Unit)
	}
	if err != nil {
		m.Log.Info("journal of the agent's last run not read", "err", err)
	}
	return cause, texts(lastWords(before(lines, m.record.Began)))
}

// before leaves out the lines of this run.
func before(lines []systemd.JournalLine, began time.Time) []systemd.JournalLine {
	for len(lines) > 0 && !lines[len(lines)-1].At.Before(began) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// lastWords are the last lines of a program that logs to the journal, and the
// first ones of what it printed at its end: below them is the rest of a dump.
func lastWords(lines []systemd.JournalLine) []systemd.JournalLine {
	printed := len(lines)
	for printed > 0 && lines[printed-1].Transport == "stdout" {
		printed--
	}
	from := max(0, printed-lastLines/2)
	return lines[from:min(len(lines), printed+lastLines/2)]
}

// texts are lines of the journal as a person reads them.
func texts(lines []systemd.JournalLine) []string {
	var out []string
	for _, l := range lines {
		who := l.Identifier
		if who == "" {
			who = l.Unit
		}
		out = append(out, l.At.Local().Format(time.TimeOnly)+" "+who+": "+l.Message)
	}
	return out
}

func messages(lines []systemd.JournalLine, since time.Time) []string {
	var out []string
	for _, l := range lines {
		if !l.At.Before(since) {
			out = append(out, l.Message)
		}
	}
	return out
}
