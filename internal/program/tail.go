package program

import (
	"strings"
	"sync"
	"unicode"
)

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
	lost bool
}

// Write never fails and never blocks, however much a program prints.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > maxOutput {
		p, t.lost = p[n-maxOutput:], true
	}
	if over := len(t.data) + len(p) - maxOutput; over > 0 {
		t.data, t.lost = append(t.data[:0], t.data[over:]...), true
	}
	t.data = append(t.data, p...)
	return n, nil
}

// bytes is what was kept, and whether that is not all. What could not be ended
// may still write.
func (t *tail) bytes() (data []byte, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.data...), t.lost
}

// text is what was kept, safe for a mail and a terminal.
func (t *tail) text() string {
	data, lost := t.bytes()
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(data), "?"))
	text = strings.TrimSpace(text)
	if lost {
		text = "…" + text
	}
	return text
}
