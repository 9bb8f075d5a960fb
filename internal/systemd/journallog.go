package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"
)

// MessageIDs gives the agent's messages that somebody may look for their
// MESSAGE_ID (systemd.journal-fields(7)), random and never changed:
// journalctl MESSAGE_ID=… finds them in any language and version.
func MessageIDs() map[string]string {
	return map[string]string{
		"agent started":          "031df8cc6cd94a878270170e6db5e146",
		"agent stopping":         "e087ec7b0c754674b8049f1c7b61ca8b",
		"configuration reloaded": "d1cc4163f40b4baaa7ee5cd100fa206d",
		"configuration rejected, the old one stays in force": "d37f56d7bddb4354b16463cb03d48b5b",
		"event":                              "eebf67d1ba574ef590fde44715415426",
		"mail sent":                          "8ba881e18f0245ed97d4254079e2cab3",
		"mail server paused, its mail waits": "57d0cfc41d1f4066963dd38f44b7990d",
		"machine is going down":              "915e52e069404312a834e471446c9833",
		"machine came back":                  "2d94ff9494be4a849d65e7f3144cdf0a",
		"agent had ended without a word":     "4337ff62e6d645e684851436e307aa84",
		"unit failed":                        "3e31cfa973da43fa8b0148783d36ff33",
		"unit recovered":                     "be2ca03a422f4564be082bb5cbc0ef37",
	}
}

// NewLogHandler returns a handler that sends records to the journal with their
// attributes as fields TOCSIN_KEY, when stderr is connected to the journal
// (JOURNAL_STREAM, systemd.exec(5)); what the journal does not take goes to
// fallback. MESSAGE can be read alone. When stderr is anything else it returns
// fallback itself.
func NewLogHandler(fallback slog.Handler, level slog.Leveler, stderr *os.File) slog.Handler {
	if !isJournal(os.Getenv("JOURNAL_STREAM"), stderr) {
		return fallback
	}
	return &journalHandler{fallback: fallback, level: level, send: journal.Send, ids: MessageIDs()}
}

// isJournal reports whether f is the stream that JOURNAL_STREAM names by its
// device and inode. A process that was started from a unit with its output
// elsewhere inherits the variable, but not the stream.
func isJournal(stream string, f *os.File) bool {
	device, inode, ok := strings.Cut(stream, ":")
	if !ok || f == nil {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && device == strconv.FormatUint(stat.Dev, 10) && inode == strconv.FormatUint(stat.Ino, 10)
}

// journalHandler is the slog.Handler of the journal.
type journalHandler struct {
	fallback slog.Handler // with the same attributes and groups
	level    slog.Leveler
	send     func(message string, p journal.Priority, vars map[string]string) error
	ids      map[string]string
	group    string // prefix of keys, with its dot
	attrs    []attribute
}

// attribute is a key with its groups before it, and its value as text.
type attribute struct{ key, value string }

// The bounds of a record.
const (
	maxLogMessage = 4096
	maxLogValue   = 2048
	maxLogAttrs   = 64
)

// Enabled reports whether records of a level are wanted.
func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle sends a record.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, h.group, a)
		return true
	})
	fields := map[string]string{"SYSLOG_IDENTIFIER": "tocsin"}
	if id := h.ids[r.Message]; id != "" {
		fields["MESSAGE_ID"] = id
	}
	for _, a := range attrs {
		fields[fieldName(a.key)] = a.value
	}
	if err := h.send(sentence(r.Message, attrs), priority(r.Level), fields); err != nil {
		return h.fallback.Handle(ctx, r)
	}
	return nil
}

// WithAttrs returns a handler whose records have attrs as well.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		with.attrs = appendAttr(with.attrs, h.group, a)
	}
	with.fallback = h.fallback.WithAttrs(attrs)
	return &with
}

// WithGroup returns a handler that puts name before the keys of attributes.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.group = h.group + name + "."
	with.fallback = h.fallback.WithGroup(name)
	return &with
}

// appendAttr adds an attribute, or those of a group.
func appendAttr(attrs []attribute, group string, a slog.Attr) []attribute {
	v := a.Value.Resolve()
	switch {
	case a.Key == "" && v.Kind() != slog.KindGroup || len(attrs) >= maxLogAttrs:
		return attrs
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range v.Group() {
			attrs = appendAttr(attrs, group, member)
		}
		return attrs
	}
	text := v.String()
	if v.Kind() == slog.KindAny {
		text = fmt.Sprint(v.Any()) // an error says itself
	}
	return append(attrs, attribute{group + a.Key, safe(text, maxLogValue)})
}

// sentence is a message with its attributes, the error last: it is the longest
// and what one reads for.
func sentence(message string, attrs []attribute) string {
	var b strings.Builder
	b.WriteString(message)
	separator := ": "
	write := func(a attribute) {
		b.WriteString(separator)
		b.WriteString(a.key + "=" + quoted(a.value))
		separator = " "
	}
	for _, a := range attrs {
		if a.key != "err" {
			write(a)
		}
	}
	for _, a := range attrs {
		if a.key == "err" {
			write(a)
		}
	}
	return safe(b.String(), maxLogMessage)
}

// quoted puts a value in quotes when it could be mistaken for more than one.
func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " \"=") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return value
}

// fieldName is the journal's name for a key: letters, digits and underscores,
// at most 64 (sd_journal_sendv(3)).
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
	return head("TOCSIN_"+name, 64)
}

// priority is that of syslog(3).
func priority(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	default:
		return journal.PriDebug
	}
}
