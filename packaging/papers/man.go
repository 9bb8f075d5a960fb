package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// page is a manual page of a document in Markdown.
type page struct {
	name    string // such as tocsin.hcl
	section string // such as 5
	about   string // its line in NAME
}

// sections are the names of the parts of the manual (man-pages(7)).
func sections() map[string]string {
	return map[string]string{"1": "User Commands", "5": "File Formats", "8": "System Administration"}
}

// man writes a manual page in the plain macros of man(7). A table becomes a list,
// because its rows are wider than a terminal.
func man(in io.Reader, out io.Writer, p page) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, ".TH %s %s \"\" Tocsin \"%s\"\n", strings.ToUpper(p.name), p.section, sections()[p.section])
	// Ragged and unhyphenated: names are searched for.
	fmt.Fprintf(w, ".ad l\n.nh\n.SH NAME\n%s \\- %s\n", roff(p.name), roff(p.about))
	m := &manual{out: w}
	for line := range strings.Lines(string(text)) {
		m.line(strings.TrimRight(line, "\r\n"))
	}
	m.flush()
	return w.Flush()
}

// manual turns lines of Markdown into a page. It knows what our documents use:
// headings, paragraphs, fences, tables, lists.
type manual struct {
	out     io.Writer
	text    []string // of the paragraph or item that is being read
	item    string   // its mark, empty for a paragraph
	titled  bool     // the title was read, and no heading is in front of what follows
	fence   bool
	columns []string // of the table that is being read
}

func (m *manual) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(trimmed, "```"):
		m.flush()
		if m.fence = !m.fence; m.fence {
			m.describe()
			fmt.Fprint(m.out, ".PP\n.RS 2\n.nf\n")
		} else {
			fmt.Fprint(m.out, ".fi\n.RE\n")
		}
	case m.fence:
		fmt.Fprintln(m.out, verbatim(line))
	case trimmed == "", strings.HasPrefix(trimmed, "!["):
		m.flush()
	case strings.HasPrefix(line, "#"):
		m.flush()
		m.heading(line)
	case strings.HasPrefix(trimmed, "|"):
		m.row(trimmed)
	case mark(trimmed) != "":
		m.flush()
		m.item = mark(trimmed)
		m.text = append(m.text, strings.TrimSpace(trimmed[len(m.item):]))
	default:
		m.text = append(m.text, trimmed)
	}
}

// mark is what an item of a list begins with.
func mark(line string) string {
	word, _, ok := strings.Cut(line, " ")
	number := strings.TrimRight(strings.TrimSuffix(word, "."), "0123456789")
	if ok && (word == "-" || word == "*" || strings.HasSuffix(word, ".") && len(word) > 1 && number == "") {
		return word
	}
	return ""
}

// flush writes the paragraph or item that was read.
func (m *manual) flush() {
	m.columns = nil
	if len(m.text) == 0 {
		return
	}
	m.describe()
	switch m.item {
	case "":
		fmt.Fprintln(m.out, ".PP")
	case "-", "*":
		fmt.Fprintln(m.out, `.IP \(bu 2`)
	default:
		fmt.Fprintf(m.out, ".IP %s 4\n", m.item)
	}
	fmt.Fprintln(m.out, sentence(strings.Join(m.text, " ")))
	m.text, m.item = nil, ""
}

// describe gives what stands right below the title a heading: the title names
// the page already.
func (m *manual) describe() {
	if m.titled {
		fmt.Fprintln(m.out, ".SH DESCRIPTION")
	}
	m.titled = false
}

func (m *manual) heading(line string) {
	text := strings.TrimLeft(line, "#")
	depth := len(line) - len(text)
	m.titled = depth == 1
	switch depth {
	case 1:
	case 2:
		fmt.Fprintln(m.out, ".SH "+quoted(strings.ToUpper(plain(text))))
	default:
		fmt.Fprintln(m.out, ".SS "+quoted(plain(text)))
	}
}

// row writes a row of a table: its first cell is the term, its last one says
// what that is, and those between are named by their column.
func (m *manual) row(line string) {
	cells := split(line)
	switch {
	case m.columns == nil:
		m.flush()
		m.describe()
		m.columns = cells
		return
	case strings.Trim(line, "|-: ") == "":
		return // below the names of the columns
	}
	fmt.Fprintln(m.out, ".TP")
	fmt.Fprintln(m.out, sentence(cells[0]))
	last := len(cells) - 1
	body := cells[last]
	if last == 0 {
		body = ""
	}
	var notes []string
	for i := 1; i < last; i++ {
		switch {
		case cells[i] == "":
		case i < len(m.columns) && m.columns[i] != "" && cells[i] != "required":
			notes = append(notes, m.columns[i]+": "+cells[i])
		default:
			notes = append(notes, cells[i])
		}
	}
	if len(notes) > 0 {
		body += " (" + strings.Join(notes, "; ") + ")"
	}
	if body = strings.TrimSpace(body); body == "" {
		body = "\\&"
		fmt.Fprintln(m.out, body)
		return
	}
	fmt.Fprintln(m.out, sentence(body))
}

// split takes a row apart. A bar within code is written \|.
func split(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|")
	cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))
	}
	return cells
}
