package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/checks"
	"tocsin/internal/engine"
	"tocsin/internal/program"
)

// program reads a command as a list: the program, which is a whole path, and
// its arguments. There is no shell.
func (s *scope) program(name string) []string { return s.command(name, true) }

// command is program; where it need not be whole, a name without a slash is
// looked for on the machine.
func (s *scope) command(name string, whole bool) []string {
	values := s.texts(name)
	attr := s.body.Attributes[name]
	if attr == nil {
		return nil
	}
	if len(values) == 0 {
		if isEmptyList(attr.Expr) {
			s.fail(attr.Expr.Range(), "Empty list", "%q is a program and its arguments, such as [\"/usr/local/bin/told\", \"now\"].", name)
		}
		return nil
	}
	if len(values) > maxExec {
		s.fail(attr.Expr.Range(), "List too long", "%q takes at most %d texts.", name, maxExec)
		return nil
	}
	words := make([]string, 0, len(values))
	for i, v := range values {
		if v.sensitive {
			s.fail(v.at, "Secret in a command", "Everybody on the machine can read the arguments of a program. Let the program read the secret itself.")
		}
		if strings.ContainsRune(v.text, 0) {
			s.fail(v.at, "Invalid value", "An argument of a program holds no NUL byte.")
		}
		if i == 0 && !v.unknown && !filepath.IsAbs(v.text) && (whole || v.text == "" || strings.ContainsRune(v.text, '/')) {
			s.fail(v.at, "Not an absolute path", "%s: the program is given with its whole path, such as \"/usr/local/bin/told\". For a shell, write [\"/bin/sh\", \"-c\", \"…\"].", v.shown())
		}
		if i == 0 {
			s.blanks(v)
		}
		words = append(words, v.text)
	}
	return words
}

// blanks warns of a program whose name is a whole command line. A file may well
// have a blank in its name, so one that is there is believed.
func (s *scope) blanks(v setting) {
	words := wordsOf(v.text)
	if v.sensitive || v.unknown || len(words) < 2 {
		return
	}
	var err error
	if filepath.IsAbs(v.text) {
		_, err = os.Stat(v.text)
	} else {
		_, err = program.Find(v.text)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, program.ErrNoProgram) {
		s.warn(v.at, "Blank in the name of a program", "There is no program here whose name is %s. It is run without a shell, so each word is a text of its own: [%s]", v.shown(), strings.Join(words, ", "))
	}
}

// commandWords are the words of a command line that stands where a list is
// wanted, as a rule file has them; nil when it is none.
func commandWords(name string, text *hclsyntax.TemplateExpr) []string {
	commands := []string{"exec", "command", string(engine.Start), string(engine.Stop), string(engine.Restart)}
	if !slices.Contains(commands, name) || !text.IsStringLiteral() {
		return nil
	}
	v, diags := text.Value(nil)
	if diags.HasErrors() {
		return nil
	}
	return wordsOf(v.AsString())
}

// wordsOf splits a command line as a shell does, and quotes each word.
func wordsOf(line string) []string {
	words, err := checks.SplitArguments(line)
	if err != nil || strings.ContainsFunc(line, unicode.IsControl) {
		return nil
	}
	for i, word := range words {
		words[i] = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(word))
	}
	return words
}
