// Package archtest holds the shape of the house: imports point one way, files
// and functions stay small, and what the documents name exists.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// floors lists the packages from the ground up. A package may import those of
// lower floors only.
func floors() [][]string {
	return [][]string{
		{"tocsin"},
		{"tocsin/packaging/papers"}, // about the product, no part of it
		{"tocsin/internal/durable", "tocsin/internal/systemd", "tocsin/internal/postbox", "tocsin/internal/schedule", "tocsin/internal/clock", "tocsin/internal/trust", "tocsin/internal/testprogram"},
		{"tocsin/templates", "tocsin/internal/boot", "tocsin/internal/doctor", "tocsin/notify/quota", "tocsin/notify/silence"},
		{"tocsin/notify/provider"},
		{"tocsin/notify/spool", "tocsin/notify/smtp", "tocsin/internal/program"},
		{"tocsin/checks", "tocsin/internal/act", "tocsin/notify/oauth", "tocsin/notify/maillog", "tocsin/notify/transport", "tocsin/internal/heartbeat"},
		{"tocsin/notify", "tocsin/notify/mx", "tocsin/notify/pickup"},
		{"tocsin/internal/engine"},
		{"tocsin/internal/config"},
		{"tocsin/internal/control", "tocsin/internal/machine", "tocsin/internal/evidence", "tocsin/internal/setup"},
		{"tocsin/cmd/tocsin"},
	}
}

// The limits of style. A file or function over them holds two things.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

func TestImportsPointOneWay(t *testing.T) {
	floor := make(map[string]int)
	for i, packages := range floors() {
		for _, p := range packages {
			floor[p] = i
		}
	}
	seen := make(map[string]bool)
	for _, f := range goFiles(t) {
		pkg := strings.TrimSuffix("tocsin/"+filepath.ToSlash(filepath.Dir(f.path)), "/.")
		if f.test || pkg == "tocsin/internal/archtest" || pkg == "tocsin/e2e" {
			continue
		}
		seen[pkg] = true
		here, known := floor[pkg]
		if !known {
			t.Errorf("%s: package %s is on no floor: give it one in archtest", f.path, pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if path != "tocsin" && !strings.HasPrefix(path, "tocsin/") {
				continue
			}
			if there, ok := floor[path]; !ok || there >= here {
				t.Errorf("%s imports %s, which is not below %s", f.path, path, pkg)
			}
		}
	}
	for pkg := range floor {
		if !seen[pkg] {
			t.Errorf("package %s is on a floor but does not exist", pkg)
		}
	}
}

func TestFilesAndFunctionsAreSmall(t *testing.T) {
	for _, f := range goFiles(t) {
		if n := f.set.File(f.ast.FileStart).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", f.path, n, maxFileLines)
		}
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init()", f.path)
			}
			if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, at most %d", f.path, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestDurableAloneSyncs(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || strings.HasPrefix(f.path, "internal/durable/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Sync", "Fsync", "Fdatasync", "Rename"}, s.Sel.Name) {
				if x, ok := s.X.(*ast.Ident); !ok || x.Name != "durable" {
					t.Errorf("%s: %s: only internal/durable makes anything durable", f.set.Position(n.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestNoHelpersDrawer(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, part := range strings.FieldsFunc(strings.TrimSuffix(f.path, ".go"), func(r rune) bool { return r == '/' || r == '_' }) {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "types"}, part) {
				t.Errorf("%s: a drawer for everything; name it after what it holds", f.path)
			}
		}
	}
}

// named finds `code spans` and links that look like paths of the repository.
var named = regexp.MustCompile("`((?:cmd|checks|notify|templates|internal|examples|packaging|e2e|docs|\\.ci)/[A-Za-z0-9_./-]+|tocsin\\.go|Makefile)`|\\]\\(([^)#: ]+)\\)")

func TestPathsInDocumentsExist(t *testing.T) {
	for _, doc := range documents(t) {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(root, m[1])
			if m[2] != "" {
				path = filepath.Join(root, filepath.Dir(doc), m[2])
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names %q, which does not exist", doc, m[1]+m[2])
			}
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var docs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "vendor" || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			rel, err := filepath.Rel(root, path)
			docs = append(docs, rel)
			return err
		}
		return nil
	})
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents found: %v", err)
	}
	return docs
}

type goFile struct {
	path string
	test bool
	set  *token.FileSet
	ast  *ast.File
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "vendor" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, goFile{filepath.ToSlash(rel), strings.HasSuffix(path, "_test.go"), set, parsed})
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d Go files: %v", len(files), err)
	}
	return files
}
