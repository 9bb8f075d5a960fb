package checks

import (
	"slices"
	"strings"
)

// Words are the texts that a metric can be, where all of them are known. The
// zero value knows of none that it cannot be.
type Words struct {
	// Listed is every one of them, with ", " between; empty where they are too many.
	Listed string
	// Like says what those look like that are too many: Length of the Digits.
	Like   string
	Digits string
	Length int
}

// All is every one of them, nil where they are too many.
func (w Words) All() []string {
	if w.Listed == "" {
		return nil
	}
	return strings.Split(w.Listed, ", ")
}

// Never says whether a metric is never that text.
func (w Words) Never(text string) bool {
	switch {
	case w.Listed != "":
		return !slices.Contains(w.All(), text)
	case w.Length > 0:
		return len(text) != w.Length || strings.Trim(text, w.Digits) != ""
	default:
		return false
	}
}

// Near is what was meant by a text of another spelling, empty where nothing is
// near.
func (w Words) Near(text string) string {
	if w.Length == 0 {
		return ""
	}
	for _, other := range []string{strings.ToLower(text), "0" + text, strings.TrimPrefix(text, "0"), "0" + strings.TrimPrefix(text, "0o")} {
		if !w.Never(other) {
			return other
		}
	}
	return ""
}

// withWords gives the metrics of a kind their words. They are here together, and
// only where the code or the kernel has no others: a name, a path, a result of
// systemd may be anything.
func withWords(kind Kind) Kind {
	for i := range kind.Metrics {
		if m := &kind.Metrics[i]; m.Unit == Word {
			m.Words = wordsOf(kind.Name, m.Name)
		}
	}
	return kind
}

func wordsOf(kind, metric string) Words {
	const hex = "0123456789abcdef"
	switch metric {
	case "mode":
		return Words{Like: "four octal digits", Digits: "01234567", Length: 4}
	case "checksum.md5":
		return Words{Like: "32 hex digits in lower case", Digits: hex, Length: 32}
	case "checksum.sha1":
		return Words{Like: "40 hex digits in lower case", Digits: hex, Length: 40}
	case "checksum.sha256":
		return Words{Like: "64 hex digits in lower case", Digits: hex, Length: 64}
	}
	switch kind + " " + metric {
	case "file type", "directory type", "fifo type": // typeName
		return Words{Listed: "regular, directory, fifo, socket, character device, block device, unknown"}
	case "network state": // operstates of net/core/net-sysfs.c; nothing else is ever printed
		return Words{Listed: "up, down, dormant, lowerlayerdown, notpresent, testing, unknown"}
	case "network duplex": // duplex_show of the same file
		return Words{Listed: "full, half, unknown"}
	case "process state": // stateName
		return Words{Listed: "running, sleeping, disk sleep, stopped, tracing stop, zombie, dead, idle, parked, unknown"}
	case "program nagios.state":
		return Words{Listed: "ok, warning, critical, unknown"}
	case "unit state": // unit_active_state_table of systemd; maintenance is since 246, refreshing since 257
		return Words{Listed: "active, reloading, inactive, failed, activating, deactivating, maintenance, refreshing"}
	}
	return Words{}
}
