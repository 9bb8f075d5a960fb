package systemd

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// JournalLine is an entry of the journal (systemd.journal-fields(7)). Every
// text is safe to print and at most 512 bytes; a field that the entry does not
// have is zero.
type JournalLine struct {
	At         time.Time // when it was received, UTC
	Unit       string    // the unit it is of, also when the service manager wrote it
	Identifier string    // SYSLOG_IDENTIFIER
	Message    string
	MessageID  string // 32 hex digits
	ExitCode   string // EXIT_CODE: "exited", "killed", "dumped"
	ExitStatus string // EXIT_STATUS: a number or a signal's name
	UnitResult string // UNIT_RESULT, such as "exit-code"
	Transport  string // _TRANSPORT, such as "stdout", "kernel"
	BootID     string // _BOOT_ID, as the journal has it
	Invocation string // _SYSTEMD_INVOCATION_ID, 32 hex digits
	Priority   int    // 0 (emergency) to 7 (debug), -1 when there is none
}

// maxField bounds a field of a journal line.
const maxField = 512

// tooLarge stands for a message that journalctl leaves out.
const tooLarge = "(message too large to show)"

// journalFields are the fields asked for. An entry of a program that logs
// megabytes in fields of its own stays small this way.
func journalFields() []string {
	return []string{
		"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "_SYSTEMD_UNIT", "UNIT",
		"EXIT_CODE", "EXIT_STATUS", "UNIT_RESULT", "_TRANSPORT", "_BOOT_ID", "_SYSTEMD_INVOCATION_ID",
	}
}

// parseJournal reads at most most lines of journalctl -o json. A line that is
// none, above all a last one that was cut off, is left out.
func parseJournal(out []byte, most int) []JournalLine {
	var lines []JournalLine
	for line := range bytes.Lines(out) {
		if len(lines) == most {
			break
		}
		if l, ok := parseJournalLine(line); ok {
			lines = append(lines, l)
		}
	}
	return lines
}

// parseJournalLine reads one entry. Only fields that begin with an underscore
// can be trusted: UNIT counts when PID 1 has set it, as it is in the pid
// namespace of journald.
func parseJournalLine(line []byte) (JournalLine, bool) {
	var f fields
	if err := json.Unmarshal(line, &f); err != nil {
		return JournalLine{}, false
	}
	usec, err := strconv.ParseInt(f.text("__REALTIME_TIMESTAMP"), 10, 64)
	if err != nil || usec <= 0 || usec > maxMicroseconds {
		return JournalLine{}, false
	}
	l := JournalLine{
		At:         time.UnixMicro(usec).UTC(),
		Unit:       f.text("_SYSTEMD_UNIT"),
		Identifier: f.text("SYSLOG_IDENTIFIER"),
		Message:    f.text("MESSAGE"),
		MessageID:  f.text("MESSAGE_ID"),
		ExitCode:   f.text("EXIT_CODE"),
		ExitStatus: f.text("EXIT_STATUS"),
		UnitResult: f.text("UNIT_RESULT"),
		Transport:  f.text("_TRANSPORT"),
		BootID:     f.text("_BOOT_ID"),
		Invocation: f.text("_SYSTEMD_INVOCATION_ID"),
		Priority:   -1,
	}
	if unit := f.text("UNIT"); unit != "" && f.text("_PID") == "1" {
		l.Unit = unit
	}
	if l.Identifier == "" {
		l.Identifier = f.text("_COMM")
	}
	if string(f["MESSAGE"]) == "null" {
		l.Message = tooLarge
	}
	if n, err := strconv.Atoi(f.text("PRIORITY")); err == nil && n >= 0 && n <= 7 {
		l.Priority = n
	}
	return l, true
}

// fields are those of one entry: a string, an array of numbers for what is not
// printable UTF-8, null for what is too large, or an array of these where a
// field was given more than once (journal-export-formats, JSON).
type fields map[string]json.RawMessage

func (f fields) text(name string) string {
	raw := f[name]
	if s, ok := fieldText(raw); ok {
		return s
	}
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) != nil {
		return ""
	}
	for _, one := range several {
		if s, ok := fieldText(one); ok {
			return s
		}
	}
	return ""
}

// fieldText reads a string or an array of bytes.
func fieldText(raw json.RawMessage) (string, bool) {
	var s string
	if bytes.HasPrefix(raw, []byte{'"'}) && json.Unmarshal(raw, &s) == nil {
		return safe(s, maxField), true
	}
	var octets []byte // numbers here: a string, base64, has been ruled out
	if !bytes.HasPrefix(raw, []byte{'['}) || json.Unmarshal(raw, &octets) != nil {
		return "", false
	}
	return safe(string(octets), maxField), true
}
