package pickup

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzRewrite: whatever is dropped, what goes out is fit for the wire, hides
// the blind recipients, has somebody to go to, and holds the body.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "disk is full", "From: root (Cron Daemon)\nTo: root\nSubject: x\n\nGr\xc3\xbc\xc3\x9fe\n",
		"From x\nA: b\n c\n\n\x00\xff", "Bcc: a@b.c\nbcc:\n d@e.f\n\nx", "X-Sender: a\nX-Receiver: b\n\n",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xfc\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n\xfc\n--c--\n--b--\n",
		"Content-Type: text/plain; charset=\"\xff\"\nContent-Transfer-Encoding: 8bit\n\n\xff",
		"Subject: " + strings.Repeat("x", 2000) + "\nReferences: <" + strings.Repeat("y", 2000) + ">\n\n",
		preamble + `{"to":["root","a b"],"from":"x y","name":"\r\nBcc: z"}` + "\nTo: a\n\nb",
	} {
		f.Add([]byte(seed))
	}
	c := testConfig()
	f.Fuzz(func(t *testing.T, data []byte) {
		drop, err := Decode(data)
		if err != nil && drop.To != nil {
			t.Fatalf("a damaged first line names recipients: %q", drop.To)
		}
		c := c
		if len(data)%2 == 1 {
			c.Masquerade = "example.com"
		}
		out, err := Rewrite(drop, Sender{UID: 1000, Name: "alice"}, testID, c, testNow())
		if err != nil {
			return // a loop; there always is somebody
		}
		if len(out.Recipients) == 0 {
			t.Fatal("no recipient")
		}
		if CheckAddress(out.From) != nil || (!strings.HasSuffix(out.From, "@example.com") && out.From != "alerts@example.net") {
			t.Fatalf("the sender %q", out.From)
		}
		for _, to := range out.Recipients {
			if CheckAddress(to) != nil || !strings.Contains(to, "@") {
				t.Fatalf("the recipient %q", to)
			}
		}
		m := checkWire(t, out.Data)
		body := drop.Message
		if parsed, err := parseMessage(drop.Message); err == nil {
			body = parsed.body
		}
		if out.Wrapped != nil {
			leaves := contents(t, m.Header, m.Body)
			if !bytes.Equal(leaves[len(leaves)-1], withoutBcc(drop.Message)) {
				t.Fatalf("the attachment is not what came: %q", leaves)
			}
			return
		}
		if strings.HasPrefix(strings.ToLower(m.Header.Get("Content-Type")), "multipart/") {
			return // its leaves are told apart by another reader in their own way
		}
		if _, clean := wireLines(body); clean {
			_, sent, _ := bytes.Cut(out.Data, []byte("\r\n\r\n"))
			if !bytes.Equal(bytes.TrimSuffix(sent, []byte("\r\n")), bytes.TrimSuffix(crlf(body), []byte("\r\n"))) {
				t.Fatalf("got the body %q, want %q", sent, body)
			}
			return
		}
		if got := contents(t, m.Header, m.Body)[0]; !bytes.Equal(got, body) && !bytes.Equal(got, crlf(body)) {
			t.Fatalf("got the body %q, want %q", got, body)
		}
	})
}

// FuzzParseList: no address that is found can reach into a conversation, and
// what is written of it is read as the same.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"root", "a@b.c, \"x, y\" <d@e.f> (z)", "g: a, b;", "<@a:b@c>", "a@b.c\r\nRCPT TO:<d@e.f>", "((", "\"\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := ParseList(text)
		for _, m := range list {
			if strings.ContainsAny(m.Address, " \t\r\n\x00<>,;:\"") && !strings.Contains(m.Address, "@[IPv6:") {
				t.Fatalf("the address %q", m.Address)
			}
		}
		again, err := ParseList(formatList(list))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q: %v, %v, want %v", formatList(list), again, err, list)
		}
		for i := range list {
			if again[i].Address != list[i].Address {
				t.Fatalf("%q: got %q, want %q", formatList(list), again[i].Address, list[i].Address)
			}
		}
	})
}
