package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

const defaultWidth = 80

// Write shows every problem with the line of the file that it is about. Width
// is that of the terminal in columns; 0 means 80. What comes from the file is
// made safe for a terminal. Errors of w are ignored: there is nowhere to report
// them.
func (p *Problems) Write(w io.Writer, color bool, width int) {
	if p == nil {
		return
	}
	if width <= 0 {
		width = defaultWidth
	}
	paint := painter(color)
	var b bytes.Buffer
	for i, d := range p.diags {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.write(&b, d, paint, width)
	}
	if more := p.Len() - len(p.diags); more > 0 {
		fmt.Fprintf(&b, "\n… and %d more problems.\n", more)
	}
	_, _ = w.Write(b.Bytes())
}

func (p *Problems) write(b *bytes.Buffer, d *hcl.Diagnostic, paint func(code, text string) string, width int) {
	word, code := "Error", "31"
	if d.Severity == hcl.DiagWarning {
		word, code = "Warning", "33"
	}
	fmt.Fprintf(b, "%s %s\n\n", paint(code+";1", word+":"), paint("1", oneLine(p.scrub(d.Summary))))
	if d.Subject != nil {
		p.excerpt(b, d.Subject, paint, width)
	}
	for paragraph := range strings.SplitSeq(p.scrub(d.Detail), "\n") {
		b.WriteString(wrap(oneLine(paragraph), width))
	}
}

// excerpt shows where a problem is, with a mark under what it is about.
func (p *Problems) excerpt(b *bytes.Buffer, r *hcl.Range, paint func(code, text string) string, width int) {
	place := fmt.Sprintf("  on %s line %d", oneLine(r.Filename), r.Start.Line)
	if in := p.within(r); in != "" {
		place += ", in " + oneLine(in)
	}
	b.WriteString(place + ":\n")
	s := p.sources[r.Filename]
	if s == nil {
		b.WriteByte('\n')
		return
	}
	line, start, hidden := s.shownLine(r.Start.Byte)
	prefix := fmt.Sprintf("%4d: ", r.Start.Line)
	from, to := min(max(r.Start.Byte-start, 0), len(line)), min(max(r.End.Byte-start, 0), len(line))
	if r.End.Line > r.Start.Line {
		to = len(line)
	}
	if hidden {
		fmt.Fprintf(b, "%s%s\n\n", prefix, oneLine(strings.TrimRight(cutLine(line, 200), " \r")))
		return
	}
	// What is before the mark keeps its tabs, so that the mark stands below.
	before, marked, after := printable(line[:from]), printable(line[from:to]), printable(line[to:])
	room := max(width, 40) - len(prefix)
	if cut := utf8.RuneCountInString(before) + min(utf8.RuneCountInString(marked), room/2) - room; cut > 0 {
		before = "…" + string([]rune(before)[min(cut+1, utf8.RuneCountInString(before)):])
	}
	marked = cutLine(marked, max(room-utf8.RuneCountInString(before), 8))
	after = cutLine(after, max(room-utf8.RuneCountInString(before+marked), 0))
	fmt.Fprintf(b, "%s\n", strings.TrimRight(prefix+before+paint("4", marked)+after, " "))
	carets := max(utf8.RuneCountInString(strings.TrimRight(marked, " ")), 1)
	blank := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	fmt.Fprintf(b, "%s%s%s\n\n", strings.Repeat(" ", len(prefix)), blank, paint("31", strings.Repeat("^", carets)))
}

func cutLine(text string, runes int) string {
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	if runes <= 1 {
		return ""
	}
	return string([]rune(text)[:runes-1]) + "…"
}

// painter sets text in a color, or does nothing.
func painter(color bool) func(code, text string) string {
	return func(code, text string) string {
		if !color || text == "" {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}

// oneLine makes a text safe for a terminal and keeps it in one line.
func oneLine(text string) string { return strings.ReplaceAll(printable(text), "\t", " ") }

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r == '\r':
			return -1
		case !unicode.IsPrint(r):
			return '\uFFFD'
		default:
			return r
		}
	}, text)
}

// fold joins the lines of a text.
func fold(text string) string { return strings.Join(strings.Fields(text), " ") }

// wrap breaks a text into lines of at most width columns, at blanks.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
	return b.String()
}
