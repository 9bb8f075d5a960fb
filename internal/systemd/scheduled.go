package systemd

import (
	"os/user"
	"strconv"
	"strings"
	"time"
)

// scheduledFile is where logind writes down what shutdown(8) is to do later.
const scheduledFile = "/run/systemd/shutdown/scheduled"

// scheduled is a shutdown that somebody asked for. Who it was stands nowhere
// else: login1 keeps no user among its properties.
type scheduled struct {
	kind Kind
	at   time.Time
	uid  string // decimal, "" when unknown
	wall string
}

// readScheduled reads the file; the zero value when there is none.
func readScheduled(path string) scheduled {
	text, err := readBounded(path, 64<<10)
	if err != nil {
		return scheduled{}
	}
	return parseScheduled(string(text))
}

// parseScheduled reads lines of KEY=value. The message is written with C
// escapes for what a shell would take amiss.
func parseScheduled(text string) scheduled {
	var s scheduled
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "USEC":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 && n <= maxMicroseconds {
				s.at = time.UnixMicro(n).UTC()
			}
		case "MODE":
			s.kind = kindOf(value)
		case "UID":
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				s.uid = strconv.FormatUint(n, 10)
			}
		case "WALL_MESSAGE":
			s.wall = safe(unescape(value), maxWall)
		}
	}
	return s
}

// due reports whether this is the shutdown of a kind that begins now, and not
// one that is still to come while another was asked for by hand.
func (s scheduled) due(kind Kind, now time.Time) bool {
	const early = 5 * time.Second // clocks step
	return s.kind != "" && (s.kind == kind || kind == Shutdown) && !s.at.IsZero() && !s.at.After(now.Add(early))
}

// detail fills in what going does not say of who asked for it and why.
func (s scheduled) detail(going Going, now time.Time) Going {
	if !s.due(going.Kind, now) {
		return going
	}
	if going.Wall == "" {
		going.Wall = s.wall
	}
	if going.By == "" && s.uid != "" {
		going.By = userName(s.uid)
	}
	return going
}

// userName is the name of a user, or "user 1000" when there is none.
func userName(uid string) string {
	if u, err := user.LookupId(uid); err == nil && u.Username != "" {
		return safe(u.Username, maxWord)
	}
	return "user " + uid
}

// unescape undoes the C escapes \n, \", \xHH and their like; what is no escape
// stays as it is.
func unescape(text string) string {
	var b strings.Builder
	for text != "" {
		quote := byte(0)
		if len(text) > 1 && (text[1] == '"' || text[1] == '\'') {
			quote = text[1]
		}
		r, _, rest, err := strconv.UnquoteChar(text, quote)
		size := len(text) - len(rest)
		if err != nil {
			r, size = 0, 1
		}
		switch {
		case r != 0 && text[0] == '\\' && r < 0x100 && text[1] != 'u' && text[1] != 'U':
			b.WriteByte(byte(r)) // a byte of UTF-8, not a rune
		case r != 0 && text[0] == '\\':
			b.WriteRune(r)
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}
