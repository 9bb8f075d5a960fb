package config

import (
	"bytes"
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/templates"
)

// maxHTMLs bounds the time that trying them takes.
const maxHTMLs = 32

// template decodes one template block.
func (l *loader) template(f found) {
	s := l.scope(f.source, f.block)
	subject, text, html := s.text("subject"), s.text("text"), s.text("html")
	if strings.ContainsAny(subject.text, "\r\n") {
		s.fail(subject.at, "Invalid subject", "A subject is one line.")
	}
	if len(subject.text) > 900 {
		s.fail(subject.at, "Invalid subject", "A subject has at most 900 bytes.")
	}
	if len(text.text) > maxSecret {
		s.fail(text.at, "Text too long", "The text of a template has at most %d KiB.", maxSecret>>10)
	}
	s.variables(subject)
	s.variables(text)
	s.html(html)
	s.done()
	l.templates[f.block.Labels[0]] = templates.Template{
		Subject: subject.text,
		Text:    strings.ReplaceAll(text.text, "\r\n", "\n"),
		HTML:    html.text,
	}
}

// html checks the html of a template and points at the line that is wrong.
func (s *scope) html(v setting) {
	if !v.set || v.unknown {
		return
	}
	if s.loader.htmls++; s.loader.htmls > maxHTMLs {
		s.fail(v.at, "Too many templates", "There may be %d templates with html.", maxHTMLs)
		return
	}
	if len(v.text) > maxSecret {
		s.fail(v.at, "Text too long", "The html of a template has at most %d KiB.", maxSecret>>10)
		return
	}
	var wrong *templates.HTMLError
	if err := templates.CheckHTML(v.text); !errors.As(err, &wrong) {
		return
	}
	if v.sensitive {
		s.fail(v.at, "Invalid html", "This value is no text of Go's html/template.")
		return
	}
	s.fail(s.lineOf(v.at, wrong.Line), "Invalid html", "%s. It is a text of Go's html/template.", upperFirst(wrong.Reason))
}

// lineOf is the n-th line of a text that stands at r, r itself if it is not
// that simple.
func (s *scope) lineOf(r hcl.Range, n int) hcl.Range {
	if n == 0 || r.End.Byte > len(s.source.text) {
		return r
	}
	if bytes.HasPrefix(s.source.text[r.Start.Byte:r.End.Byte], []byte("<<")) {
		n++ // the text begins below the word
	}
	from := r.Start.Byte
	for range n - 1 {
		end := bytes.IndexByte(s.source.text[from:r.End.Byte], '\n')
		if end < 0 {
			return r
		}
		from += end + 1
	}
	line, _, _ := bytes.Cut(s.source.text[from:r.End.Byte], []byte("\n"))
	trimmed := bytes.TrimLeft(line, " \t")
	return rangeAt(s.source, from+len(line)-len(trimmed), max(len(bytes.TrimRight(trimmed, " \t\r")), 1))
}

// variables finds the $NAMEs that do not exist and points at each of them.
func (s *scope) variables(v setting) {
	from := v.at.Start.Byte
	unknowns := templates.Unknown(v.text[:min(len(v.text), maxSecret)])
	for _, unknown := range unknowns[:min(len(unknowns), maxListed)] {
		at := v.at
		name := "$" + unknown.Name
		if from < v.at.End.Byte && v.at.End.Byte <= len(s.source.text) {
			if i := bytes.Index(s.source.text[from:v.at.End.Byte], []byte(name)); i >= 0 {
				at = rangeAt(s.source, from+i, len(name))
				from += i + len(name)
			}
		}
		hint := ""
		if unknown.Suggestion != "" {
			hint = " Did you mean \"$" + unknown.Suggestion + "\"?"
		}
		var names []string
		for _, doc := range templates.Variables() {
			names = append(names, "$"+doc.Name)
		}
		s.fail(at, "Unknown variable", "There is no %s.%s There are %s. A dollar sign itself is written $$.", name, hint, list(names, "and"))
	}
}
