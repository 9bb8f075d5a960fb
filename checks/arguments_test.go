package checks

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitArguments(t *testing.T) {
	tests := []struct {
		text string
		want []string
		err  string
	}{
		{"", nil, ""},
		{"  \t\n ", nil, ""},
		{"-w 5 -c 10", []string{"-w", "5", "-c", "10"}, ""},
		{` 'a b'  "c d" `, []string{"a b", "c d"}, ""},
		{`a'b c'd"e f"g`, []string{"ab cde fg"}, ""},
		{`'' ""`, []string{"", ""}, ""},
		{`a\ b \' \"`, []string{"a b", "'", `"`}, ""},
		{`'a\b' "a\b" "a\"b" "a\\b"`, []string{`a\b`, `a\b`, `a"b`, `a\b`}, ""},
		{`$HOME * ~ $(id) a|b; c>d #e`, []string{"$HOME", "*", "~", "$(id)", "a|b;", "c>d", "#e"}, ""},
		{`'ü ö'`, []string{"ü ö"}, ""},
		{`it's`, nil, `arguments have a ' that is not closed: write another, or \' for the character`},
		{`"a`, nil, `arguments have a " that is not closed: write another, or \" for the character`},
		{`a\`, nil, `arguments end with a backslash: write "\\\\" for one`},
		{"a\x00b", nil, "arguments hold a NUL byte"},
		{strings.Repeat("a ", 300), nil, "300 arguments are too many: the limit is 256"},
		{strings.Repeat("a", 40000), nil, "arguments of 40000 bytes are too long: the limit is 32768"},
	}
	for _, tt := range tests {
		got, err := SplitArguments(tt.text)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !slices.Equal(got, tt.want) || text != tt.err {
			t.Errorf("%.40q: got %q, %q, want %q, %q", tt.text, got, text, tt.want, tt.err)
		}
	}
}

// FuzzArguments wants words that, quoted again, are the same words.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`-w 5 'a b' "c\"d" e\ f`, `''`, `a\`, `"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := SplitArguments(text)
		if err != nil || len(text) > maxArgument/8 {
			return
		}
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		again, err := SplitArguments(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(words, again) {
			t.Errorf("got %q, %v, want %q", again, err, words)
		}
	})
}
