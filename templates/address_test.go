package templates_test

import (
	"errors"
	"strings"
	"testing"

	"tocsin/templates"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ text, name, addr string }{
		{"a@example.com", "", "a@example.com"},
		{" a@example.com ", "", "a@example.com"},
		{"<a@example.com>", "", "a@example.com"},
		{"Bob Müller <bob@example.com>", "Bob Müller", "bob@example.com"},
		{`"Bob, the \"Builder\"" <bob@example.com>`, `Bob, the "Builder"`, "bob@example.com"},
		{"=?utf-8?q?Bob_M=C3=BCller?= <bob@example.com>", "Bob Müller", "bob@example.com"},
		{"first.last+tag@sub.example.com", "", "first.last+tag@sub.example.com"},
		{"root@localhost", "", "root@localhost"},
		{"a@xn--bcher-kva.example", "", "a@xn--bcher-kva.example"},
		{"a@[192.0.2.1]", "", "a@[192.0.2.1]"},
		{"a/b=c@example.com", "", "a/b=c@example.com"},
	} {
		name, addr, err := templates.Address(tt.text)
		if err != nil || name != tt.name || addr != tt.addr {
			t.Errorf("Address(%q): got %q, %q, %v", tt.text, name, addr, err)
		}
	}
	for _, text := range []string{
		"", " ", "root", "@", "a@", "@b", "a@b@c", "a b@c", "<a@b", "a@b>", "a@b, c@d", "a@b; c@d", "a@b\r\nBcc: c@d", "a@b\n", "a\x00@b",
		"g: a@b;", "a@b (comment)", "a@(comment)b", `"a b"@c`, `"a\" SIZE=1"@c`, `"a>b"@c`, `"a@b> ORCPT=rfc822"@c`, `"a"."b"@c`,
		"Name\r\n <a@b>", "\u202eName <a@b>", "=?utf-8?q?a=0D=0ABcc:_x@y?= <a@b>", "=?utf-8?b?G1szMW0=?= <a@b>",
		"ä@example.com", "a@bücher.example", "a@-b.example", "a@b-.example", "a@b..c", "a@.b", "a@b.", ".a@b", "a.@b", "a..b@c", "a@b_c",
		"a@[300.0.0.1]", "a@[fe80::1%eth0]", "a@[::1", "-oQ/tmp", "\xff@b", "a@\xff",
		strings.Repeat("a", 65) + "@b", "a@" + strings.Repeat("b", 64), "a@" + strings.Repeat("b.", 127) + "c",
		strings.Repeat("n", 300) + " <a@b>", strings.Repeat("x", 10_000),
	} {
		if name, addr, err := templates.Address(text); !errors.Is(err, templates.ErrAddress) {
			t.Errorf("Address(%.60q): got %q, %q, %v, want ErrAddress", text, name, addr, err)
		}
	}
}
