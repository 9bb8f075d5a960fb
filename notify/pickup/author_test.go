package pickup

import (
	"strings"
	"testing"
)

func TestMasquerade(t *testing.T) {
	const mine, fallback = "@example.com>", "<alerts@example.net>"
	for name, tt := range map[string]struct {
		sender, from string // of the drop, of its header
		header       string // From as it goes out
		reply        string
	}{
		"nobody":                   {"", "", `"alice on web-1" <alice` + mine, ""},
		"-f":                       {"backup", "", `"alice on web-1" <backup` + mine, ""},
		"-f far away":              {"x@gmail.com", "", `"alice on web-1" ` + fallback, ""},
		"a local name":             {"", "root (Cron Daemon)", `"Cron Daemon (alice on web-1)" <root` + mine, ""},
		"localhost":                {"", "root@localhost", `"alice on web-1" <root` + mine, ""},
		"this host, short":         {"", "root@WEB-1", `"alice on web-1" <root` + mine, ""},
		"this host":                {"", "R <root@web-1.lan.>", "", ""},
		"below the domain":         {"", "root@db.Example.com", `"alice on web-1" <root` + mine, ""},
		"in the domain":            {"", "Jane <jane@example.com>", `"Jane (alice on web-1)" <jane` + mine, ""},
		"a domain that looks like": {"", "jane@notexample.com", `"alice on web-1" ` + fallback, "jane@notexample.com"},
		"far away":                 {"", "jane@gmail.com", `"alice on web-1" ` + fallback, "jane@gmail.com"},
		"an address of a block":    {"", "Alerts <alerts@example.net>", `"Alerts (alice on web-1)" ` + fallback, ""},
		"two":                      {"", "a@web-1, b@web-1", `"alice on web-1" ` + fallback, ""},
		"an extension":             {"", "root+cron@web-1", `"alice on web-1" <root+cron` + mine, ""},
	} {
		c := testConfig()
		c.Masquerade, c.Host = "example.com", "web-1.lan"
		message := "Subject: x\nReply-To: ops\n\n"
		if tt.from != "" {
			message = "From: " + tt.from + "\n\n"
		}
		out := rewriteAs(t, Drop{From: tt.sender, To: []string{"x@example.org"}, Message: []byte(message)}, c)
		h, _ := parseMessage(out.Data)
		from := strings.TrimSpace(h.header.get("From"))
		if tt.header != "" && from != tt.header {
			t.Errorf("%s: got From %s, want %s", name, from, tt.header)
		}
		if !strings.HasSuffix(from, "<"+out.From+">") {
			t.Errorf("%s: the envelope is from %s, the header from %s", name, out.From, from)
		}
		want := tt.reply
		if tt.from == "" {
			want = "ops@example.com"
		}
		if got := strings.TrimSpace(h.header.get("Reply-To")); got != want && got != "<"+want+">" {
			t.Errorf("%s: got Reply-To %q, want %q", name, got, want)
		}
		if !h.header.has("X-Original-From") {
			t.Errorf("%s: no X-Original-From", name)
		}
	}
}
