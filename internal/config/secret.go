package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

const maxSecret = 64 << 10 // bytes of a file that a function reads

// sensitive marks a value that must not be shown.
const sensitive = "sensitive"

// sourceFunctions are the functions that bring in values from outside: env(),
// file() and credential(). What they return is marked sensitive. Within a
// password a file that others may read is refused.
func (s *scope) sourceFunctions(password bool) map[string]function.Function {
	return map[string]function.Function{
		"env": s.outside("name", func(name string) (string, error) {
			value, set := s.loader.opt.Env(name)
			if !set {
				return "", fmt.Errorf("%w: the environment has no variable %q", errAbsent, name)
			}
			return value, nil
		}),
		"file": s.outside("path", func(path string) (string, error) {
			return readText(s.path(path), password)
		}),
		"credential": s.outside("name", func(name string) (string, error) {
			if secret, given := s.loader.opt.Credentials[name]; given {
				return secret, nil
			}
			dir, set := s.loader.opt.Env("CREDENTIALS_DIRECTORY")
			if !set || dir == "" {
				return "", fmt.Errorf("%w: the environment has no CREDENTIALS_DIRECTORY; systemd sets it for a unit with LoadCredential=%s:PATH", errAbsent, name)
			}
			if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
				return "", fmt.Errorf("%q is no name of a credential", name)
			}
			return readText(filepath.Join(dir, name), password)
		}),
	}
}

// errAbsent is for a secret that is not there, which validate puts up with.
var errAbsent = errors.New("not there")

// outside makes a function of one text. An absent value is an error or, when
// secrets are optional, a warning and an unknown value.
func (s *scope) outside(parameter string, read func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: parameter, Type: cty.String, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].IsMarked() {
				return cty.NilVal, s.refuse("The " + parameter + " must be written out here, not taken from env(), file() or credential().")
			}
			text, err := read(args[0].AsString())
			s.bring(args[0].AsString(), text)
			if errors.Is(err, errAbsent) && s.loader.opt.Secrets == Optional {
				s.absent = sentence(err)
				return cty.UnknownVal(cty.String).Mark(sensitive), nil
			}
			if err != nil {
				return cty.NilVal, s.refuse(sentence(err))
			}
			s.loader.problems.secret(text)
			return cty.StringVal(text).Mark(sensitive), nil
		},
	})
}

// refuse remembers why a function has no value. HCL would put words of its own
// around the error.
func (s *scope) refuse(why string) error {
	s.refused = why
	return function.NewArgErrorf(0, "%s", why)
}

// sentence is why there is no value. A command at its end stays without a
// period, to be copied.
func sentence(err error) string {
	text := upperFirst(strings.TrimPrefix(err.Error(), errAbsent.Error()+": "))
	if strings.Contains(text, "Run: ") {
		return text
	}
	return text + "."
}

// readText reads a small text file and cuts the line end off. Errors name the
// file and never its content.
func readText(path string, password bool) (string, error) {
	text, mode, err := readRegular(path, maxSecret)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: there is no file %q", errAbsent, path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%w: file %q: permission denied", errAbsent, path)
	case err != nil:
		return "", fmt.Errorf("file %q: %w", path, err)
	case password && mode&0o007 != 0:
		return "", fmt.Errorf("file %q is open to every user of this machine. Run: chmod o= %s", path, shellQuote(path))
	case !utf8.Valid(text) || strings.ContainsRune(string(text), 0):
		return "", fmt.Errorf("file %q is not a text in UTF-8", path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// shellQuote makes a path safe to paste into a shell.
func shellQuote(path string) string {
	safe := strings.IndexFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+@:,", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
	if safe && path != "" && path[0] != '-' {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
