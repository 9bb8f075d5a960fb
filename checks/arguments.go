package checks

import (
	"errors"
	"fmt"
	"strings"
)

// The bounds of the arguments of a program.
const (
	maxArguments = 256
	maxArgument  = 32 << 10 // bytes of all together
)

// SplitArguments splits a text at its blanks as a shell does (POSIX XCU 2.2):
// what stands in '…' is taken as it is, in "…" a backslash goes before " and \,
// outside of both before anything. Nothing is expanded.
func SplitArguments(text string) ([]string, error) {
	if len(text) > maxArgument {
		return nil, fmt.Errorf("arguments of %d bytes are too long: the limit is %d", len(text), maxArgument)
	}
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("arguments hold a NUL byte")
	}
	var (
		out   []string
		word  []byte
		begun bool
		quote byte
	)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'':
			if i+1 == len(text) {
				return nil, errors.New(`arguments end with a backslash: write "\\\\" for one`)
			}
			if next := text[i+1]; quote == 0 || next == '"' || next == '\\' {
				i++
				c = next
			}
			word, begun = append(word, c), true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote == 0 && strings.IndexByte(" \t\n", c) >= 0:
			if begun {
				out = append(out, string(word))
			}
			word, begun = word[:0], false
		default:
			word, begun = append(word, c), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("arguments have a %c that is not closed: write another, or \\%c for the character", quote, quote)
	}
	if begun {
		out = append(out, string(word))
	}
	if len(out) > maxArguments {
		return nil, fmt.Errorf("%d arguments are too many: the limit is %d", len(out), maxArguments)
	}
	return out, nil
}

// validArguments says what is wrong with the attribute "arguments".
func validArguments(text string) error {
	_, err := SplitArguments(text)
	return err
}
