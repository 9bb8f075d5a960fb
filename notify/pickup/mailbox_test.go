package pickup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseList(t *testing.T) {
	for text, want := range map[string][]Mailbox{
		"":                                        nil,
		"root":                                    {{"", "root"}},
		"alice@example.com":                       {{"", "alice@example.com"}},
		"a@example.com,b@example.com":             {{"", "a@example.com"}, {"", "b@example.com"}},
		" a@example.com , , root ":                {{"", "a@example.com"}, {"", "root"}},
		"Alice <alice@example.com>":               {{"Alice", "alice@example.com"}},
		`"Doe, Jane" <jane@example.com>, root`:    {{"Doe, Jane", "jane@example.com"}, {"", "root"}},
		`"a \"b\" <c@d>" <jane@example.com>`:      {{`a "b" <c@d>`, "jane@example.com"}},
		"root (Cron Daemon)":                      {{"Cron Daemon", "root"}},
		"root (a (nested, one) \\) and)":          {{"a (nested, one) ) and", "root"}},
		"(only) <x@example.com>":                  {{"only", "x@example.com"}},
		"team: a@example.com, b@example.com;":     {{"", "a@example.com"}, {"", "b@example.com"}},
		"undisclosed-recipients:;":                nil,
		"=?utf-8?q?J=C3=BCrgen?= <j@example.com>": {{"Jürgen", "j@example.com"}},
		"J\xfcrgen <j@example.com>":               {{"Jürgen", "j@example.com"}},
		"a+b.c=d@example.com":                     {{"", "a+b.c=d@example.com"}},
		"root@localhost":                          {{"", "root@localhost"}},
	} {
		got, err := ParseList(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("ParseList(%q): %v\n%s", text, err, diff)
		}
	}
}

func TestParseListNamesWhatIsNoAddress(t *testing.T) {
	for text, named := range map[string]string{
		"a@example.com b@example.com":              `"a@example.com b@example.com"`,
		"a@example.com\r\nRCPT TO:<b@example.com>": `a@example.com\r\nRCPT`,
		"a@example.com\n":                          `"a@example.com\n"`,
		"a@example.com\x00":                        `a@example.com\x00`,
		"<a@example.com> <b@example.com>":          "more than one",
		"<a@example.com>b@example.com":             "more than one",
		"<a@example.com":                           "has no end",
		"x <a@example.com> y":                      "more than one",
		`"a b"@example.com`:                        `a b`,
		"|/bin/sh":                                 `"|/bin/sh"`,
		"/dev/null":                                `"/dev/null"`,
		"-oQ/tmp":                                  `"-oQ/tmp"`,
		"a@example.com RCPT TO:b@example.com":      "TO:b",
		"@":                                        `"@"`,
		"a@b@example.com":                          `"a@b@example.com"`,
		"<@relay.example.com:a@example.com>":       "relay",
		"a@exämple.com":                            "exämple",
		"<>":                                       `""`,
		"a@example.com SIZE=1":                     "SIZE=1",
		"<a@example.com> ORCPT=x":                  "more than one",
		"good@example.com, bad@@example.com":       "bad@@example.com",
	} {
		_, err := ParseList(text)
		if err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("ParseList(%q): got %v, want an error with %q", text, err, named)
		}
	}
	if _, err := ParseList(strings.Repeat("x", 300) + "@example.com"); err == nil || len(err.Error()) > 300 {
		t.Errorf("got %v, want a short error", err)
	}
	if got, err := ParseList("good@example.com, bad@@example.com"); err == nil || len(got) != 1 || got[0].Address != "good@example.com" {
		t.Errorf("got %v, %v, want the good one beside the error", got, err)
	}
}
