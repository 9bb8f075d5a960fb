package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What a configuration may be at most.
const (
	maxFile       = 1 << 20  // bytes of one file
	maxFiles      = 1000     // *.hcl files of a directory
	maxTotal      = 16 << 20 // bytes of all of them
	maxDirEntries = 100_000  // of any kind
)

// source is one rule file.
type source struct {
	name      string // as problems name it
	dir       string // that paths in it are relative to
	text      []byte
	mode      fs.FileMode
	body      *hclsyntax.Body
	versioned bool // it begins with its version
	broken    bool // nothing can be made of its text
	// hidden holds what must not be shown: the byte ranges of literals in
	// password attributes, found in the tokens, so that they are hidden also
	// when the file cannot be parsed.
	hidden []span
}

// span is a range of bytes.
type span struct{ from, to int }

// readSources reads what is at path. Problems have no place in a file yet.
func readSources(path string, opt Options, p *Problems) []*source {
	p.unread = true
	info, err := os.Stat(path)
	if err != nil {
		p.file("Cannot read the configuration", path, err)
		return nil
	}
	names, who := []string{path}, newWriters(p, opt)
	if info.IsDir() {
		if err := who.look(path); err != nil {
			p.file("Cannot read the configuration", path, err)
			return nil
		}
		if names, err = listDir(path); err != nil {
			p.file("Cannot read the configuration", path, err)
			return nil
		}
	}
	var sources []*source
	total := 0
	for _, name := range names {
		err := who.look(name)
		var s *source
		if err == nil {
			s, err = readSource(name)
		}
		if err != nil {
			p.file("Cannot read the rule file", name, err)
			continue
		}
		if total += len(s.text); total > maxTotal {
			p.file("Configuration too large", path, fmt.Errorf("all files together may have at most %d MiB", maxTotal>>20))
			return nil
		}
		sources = append(sources, s)
	}
	p.unread = p.HasErrors()
	if !p.take(sources) {
		p.unread = true
	}
	return sources
}

// listDir names the *.hcl files of a directory, sorted. Hidden files are left
// out: they are what editors leave behind.
func listDir(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxDirEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) == maxDirEntries {
		return nil, fmt.Errorf("the directory has %d entries or more", maxDirEntries)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".hcl") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the directory holds no *.hcl file")
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("the directory holds %d *.hcl files; at most %d are read", len(names), maxFiles)
	}
	slices.Sort(names)
	return names, nil
}

func readSource(name string) (*source, error) {
	text, mode, err := readRegular(name, maxFile)
	if err != nil {
		return nil, err
	}
	return &source{name: name, dir: filepath.Dir(name), text: text, mode: mode}, nil
}

// readRegular reads a regular file of at most limit bytes. It neither waits
// for a FIFO nor touches a device. Errors do not name the file.
func readRegular(name string, limit int64) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(name)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, 0, cause(err)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, cause(err)
	}
	defer f.Close()
	// It may have been replaced since.
	if info, err = f.Stat(); err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, 0, cause(err)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, 0, cause(err)
	}
	if int64(len(text)) > limit {
		return nil, 0, fmt.Errorf("the file is larger than %d KiB", limit>>10)
	}
	return text, info.Mode(), nil
}

func regular(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("it is a directory")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("it is a named pipe, not a regular file")
	case mode&fs.ModeDevice != 0:
		return errors.New("it is a device, not a regular file")
	default:
		return errors.New("it is not a regular file")
	}
}

// cause takes the path out of an error: the problem names it already.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// checkText refuses bytes that are no text, and counts the depth before
// anything recursive sees them.
func checkText(s *source) hcl.Diagnostics {
	if len(s.text) > maxFile {
		return hcl.Diagnostics{textProblem(s, 0, "File too large", fmt.Sprintf("A rule file may have at most %d KiB.", maxFile>>10))}
	}
	if bytes.HasPrefix(s.text, []byte("\xef\xbb\xbf")) {
		return hcl.Diagnostics{problem(rangeAt(s, 0, 3), "Byte order mark", "The file begins with a byte order mark (EF BB BF). Save it as UTF-8 without one.")}
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(s.text, []byte(mark)) {
			return hcl.Diagnostics{textProblem(s, 0, "Not UTF-8", "The file is UTF-16. Save it as UTF-8.")}
		}
	}
	if i := bytes.IndexByte(s.text, 0); i >= 0 {
		return hcl.Diagnostics{textProblem(s, i, "NUL byte", "A rule file is text; this one holds a NUL byte. It may be damaged.")}
	}
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRune(s.text[i:])
		if r == utf8.RuneError && size == 1 {
			return hcl.Diagnostics{textProblem(s, i, "Not UTF-8", fmt.Sprintf("The byte 0x%02X is not valid UTF-8 here. Save the file as UTF-8.", s.text[i]))}
		}
		i += size
	}
	return guard(s)
}

// textProblem points at one byte of a file that is not parsed yet.
func textProblem(s *source, at int, summary, detail string) *hcl.Diagnostic {
	return problem(rangeAt(s, at, 1), summary, "%s", detail)
}

// rangeAt is the place of a few bytes within one line of a file.
func rangeAt(s *source, at, length int) hcl.Range {
	line := 1 + bytes.Count(s.text[:at], []byte("\n"))
	start := 1 + bytes.LastIndexByte(s.text[:at], '\n')
	pos := hcl.Pos{Line: line, Column: 1 + utf8.RuneCount(s.text[start:at]), Byte: at}
	end := pos
	end.Byte, end.Column = min(at+length, len(s.text)), pos.Column+length
	return hcl.Range{Filename: s.name, Start: pos, End: end}
}

// parse makes the file's body. It runs only after the guard has passed.
func (s *source) parse(p *Problems) {
	file, diags := hclsyntax.ParseConfig(s.text, s.name, hcl.InitialPos)
	p.add(s.syntaxProblems(diags)...)
	s.broken = diags.HasErrors()
	if file == nil {
		return
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		s.body = body
	}
}

// at is the text of a place.
func (s *source) at(r hcl.Range) string { return string(s.text[r.Start.Byte:r.End.Byte]) }

// items lists the blocks of a body in the order of the file.
func items(body *hclsyntax.Body) []*hclsyntax.Block {
	return slices.SortedFunc(slices.Values(body.Blocks), func(a, b *hclsyntax.Block) int {
		return cmp.Compare(a.TypeRange.Start.Byte, b.TypeRange.Start.Byte)
	})
}
