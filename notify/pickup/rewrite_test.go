package pickup

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testID = "0123456789abcdef0123456789abcdef"

func testConfig() Config {
	return Config{
		Dir: "/nowhere/pickup", MaxSize: DefaultMaxSize, MessagesPerHour: 100, Host: "web-1.example.com",
		From: "Tocsin <alerts@example.net>", Own: []string{"alerts@example.net"}, Fallback: []string{"ops@example.com"},
		Aliases: Aliases{"root": {"ops@example.com"}, "bob": {"bob@example.org", "root"}},
	}
}

func testNow() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// trace is the field that every mail gets.
const trace = "Received: by web-1.example.com (Tocsin, from userid 1000)\n\tid " + testID + "; Wed, 04 Mar 2026 05:06:07 +0000\n"

func rewriteAs(t *testing.T, d Drop, c Config) Outgoing {
	t.Helper()
	out, err := Rewrite(d, Sender{UID: 1000, Name: "alice"}, testID, c, testNow())
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, out.Data)
	return out
}

// TestRewrite shows whole mails: what came, and what goes.
func TestRewrite(t *testing.T) {
	for name, tt := range map[string]struct {
		drop Drop
		want string
		to   []string
	}{
		"a text without a header": {
			Drop{To: []string{"root"}, Message: []byte("disk is full\n.\n")},
			trace + "From: \"alice on web-1\" <alerts@example.net>\nX-Original-From: alice@web-1.example.com\n" +
				"To: ops@example.com\nDate: Wed, 04 Mar 2026 05:06:07 +0000\nMessage-ID: <" + testID + "@example.net>\n\ndisk is full\n.\n",
			[]string{"ops@example.com"},
		},
		"what cron sends": {
			Drop{To: []string{"root"}, Name: "CronDaemon", Message: []byte("From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@web-1> date\n" +
				"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <HOME=/root>\n\nMärz\n")},
			trace + "From: \"Cron Daemon (alice on web-1)\" <alerts@example.net>\nX-Original-From: root (Cron Daemon)\nTo: root@web-1.example.com\n" +
				"Subject: Cron <root@web-1> date\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n" +
				"X-Cron-Env: <HOME=/root>\nDate: Wed, 04 Mar 2026 05:06:07 +0000\nMessage-ID: <" + testID + "@example.net>\n\nM=C3=A4rz\n",
			[]string{"ops@example.com"},
		},
		"an author that can be answered, and blind recipients": {
			Drop{To: []string{"x@example.org", "y@example.org"}, Message: []byte("From: Jane <jane@corp.example>\r\nTo: x@example.org\r\nBcc: y@example.org,\r\n z@example.org\r\n" +
				"Return-Path: <a@b.example>\r\nDate: Tue, 3 Mar 2026 01:02:03 +0100\r\nMessage-ID: <1@corp.example>\r\nSubject:  two  blanks \r\n\r\nHello\r\n")},
			trace + "From: \"Jane (alice on web-1)\" <alerts@example.net>\nX-Original-From: Jane <jane@corp.example>\nTo: x@example.org\n" +
				"Date: Tue, 3 Mar 2026 01:02:03 +0100\nMessage-ID: <1@corp.example>\nSubject:  two  blanks \nReply-To: jane@corp.example\n\nHello\n",
			[]string{"x@example.org", "y@example.org"},
		},
		"the account's own author, with a name that says whose": {
			Drop{To: []string{"x@example.org"}, Message: []byte("From: Backup <Alerts@example.net>\nTo: x@example.org\nDate: Tue, 3 Mar 2026 01:02:03 +0100\nMessage-ID: <1@b>\n\n")},
			trace + "From: \"Backup (alice on web-1)\" <Alerts@example.net>\nX-Original-From: Backup <Alerts@example.net>\nTo: x@example.org\nDate: Tue, 3 Mar 2026 01:02:03 +0100\nMessage-ID: <1@b>\n\n",
			[]string{"x@example.org"},
		},
		"a dropped file with the envelope of a Windows server": {
			Drop{Message: []byte("X-Sender: app@corp.example\nX-Receiver: a@example.org\nX-Receiver: root\nSubject: s\nTo: other@example.org\n\nb")},
			trace + "Subject: s\nTo: other@example.org\nFrom: \"alice on web-1\" <alerts@example.net>\nX-Original-From: app@corp.example\n" +
				"Date: Wed, 04 Mar 2026 05:06:07 +0000\nMessage-ID: <" + testID + "@example.net>\n\nb\n",
			[]string{"a@example.org", "ops@example.com"},
		},
		"a mailbox file": {
			Drop{Message: []byte("From alice Tue Mar  3 01:02:03 2026\nTo: alice\nTo: bob\nFrom: a@b.example\nFrom: c@d.example\nSubject: one\nSubject: two\n\n>From me\n")},
			trace + "To: alice@web-1.example.com\nX-Original-To: bob\nFrom: \"alice on web-1\" <alerts@example.net>\nX-Original-From: a@b.example\n" +
				"X-Original-From: c@d.example\nSubject: one\nX-Original-Subject: two\nReply-To: a@b.example\n" +
				"Date: Wed, 04 Mar 2026 05:06:07 +0000\nMessage-ID: <" + testID + "@example.net>\n\n>From me\n",
			[]string{"ops@example.com", "bob@example.org"},
		},
		"several recipients and no To": {
			Drop{To: []string{"x@example.org", "y@example.org"}, From: "app@corp.example", Message: []byte("\nx")},
			trace + "From: \"alice on web-1\" <alerts@example.net>\nX-Original-From: app@corp.example\nTo: undisclosed-recipients:;\n" +
				"Date: Wed, 04 Mar 2026 05:06:07 +0000\nMessage-ID: <" + testID + "@example.net>\n\nx\n",
			[]string{"x@example.org", "y@example.org"},
		},
		"a header that is broken": {
			Drop{To: []string{"x@example.org"}, Message: []byte("From: J\xfcrgen <j@corp.example>\nTo: M\xc3\xbcller <x@example.org>\nSubject: Gr\xc3\xbc\xc3\x9fe\x00\x1b[31m\rBcc: evil@example.org\n" +
				"Message-ID: <\xff@b>\nDate: Tue, 3 Mar 2026 01:02:03 +0100\nX-Long: " + strings.Repeat("word ", 300) + "\n\n")},
			trace + "From: =?utf-8?b?SsO8cmdlbiAoYWxpY2Ugb24gd2ViLTEp?= <alerts@example.net>\nX-Original-From: =?utf-8?b?SsO8cmdlbiA8akBjb3JwLmV4YW1wbGU+?=\n" +
				"To: =?utf-8?q?M=C3=BCller?= <x@example.org>\nSubject: =?utf-8?b?R3LDvMOfZSAgWzMxbSBCY2M6IGV2aWxAZXhhbXBsZS5vcmc=?=\n" +
				"Message-ID: <?@b>\nDate: Tue, 3 Mar 2026 01:02:03 +0100\nX-Long:" + strings.Repeat(" word", 13) + strings.Repeat("\n"+strings.Repeat(" word", 15), 19) + "\n word word\nReply-To: j@corp.example\n\n",
			[]string{"x@example.org"},
		},
	} {
		out := rewriteAs(t, tt.drop, testConfig())
		got := strings.ReplaceAll(string(out.Data), "\r\n", "\n")
		if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.to, out.Recipients); diff != "" || out.From != "alerts@example.net" || out.Wrapped != nil {
			t.Errorf("%s: got sender %q, wrapped %v, recipients (-want +got):\n%s", name, out.From, out.Wrapped, diff)
		}
	}
}

func TestKeepFrom(t *testing.T) {
	c := testConfig()
	c.KeepFrom = true
	out := rewriteAs(t, Drop{To: []string{"x@example.org"}, Message: []byte("From: Jane <jane@corp.example>\nSender: s@corp.example\n\n")}, c)
	if got := string(out.Data); !strings.Contains(got, "\r\nFrom: Jane <jane@corp.example>\r\nSender: s@corp.example\r\n") || strings.Contains(got, "Reply-To") || out.From != "alerts@example.net" {
		t.Errorf("got %q from %q", got, out.From)
	}
}

func TestLoopsAreStopped(t *testing.T) {
	hop := "Received: from a by b; Tue, 3 Mar 2026 01:02:03 +0100\n"
	own := "Received: by web-1.example.com (Tocsin, from userid 0)\n\tid x; Tue, 3 Mar 2026 01:02:03 +0100\n"
	for header, want := range map[string]error{
		strings.Repeat(hop, 15):                    nil,
		strings.Repeat(hop, 16):                    ErrLoop,
		own:                                        nil, // a person's mail may be forwarded to here
		own + "Auto-Submitted: no\n":               nil,
		own + "Auto-Submitted: auto-generated\n":   ErrLoop,
		hop + "Auto-Submitted: auto-replied\n":     nil,
		"auto-submitted: auto-replied; x\n" + own:  ErrLoop,
		"Received: by other.example (Tocsin, x)\n": nil,
	} {
		_, err := Rewrite(Drop{To: []string{"root"}, Message: []byte(header + "\n")}, Sender{UID: 0, Name: "root", Trusted: true}, testID, testConfig(), testNow())
		if !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", header, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	aliases := Aliases{
		"root": {"ops@example.com", "bob"}, "bob": {"bob@example.org", "ROOT"}, "postmaster": {"pm@example.com"},
		"lost": {"nobody-else"}, "self": {"self"}, "www-data": {"root@web-1"},
	}
	for name, tt := range map[string]struct {
		aliases  Aliases
		fallback []string
		to, want []string
	}{
		"an address":                         {aliases, nil, []string{"x@example.org"}, []string{"x@example.org"}},
		"a name":                             {aliases, nil, []string{"bob"}, []string{"bob@example.org", "ops@example.com"}},
		"this host's domain":                 {aliases, nil, []string{"root@localhost", "Root@WEB-1.example.com", "root@web-1"}, []string{"ops@example.com", "bob@example.org"}},
		"another host's":                     {aliases, nil, []string{"root@web-2.example.com"}, []string{"root@web-2.example.com"}},
		"an extension":                       {aliases, nil, []string{"bob+cron"}, []string{"bob@example.org", "ops@example.com"}},
		"twice":                              {aliases, nil, []string{"x@example.org", "X@example.org"}, []string{"x@example.org"}},
		"a name with a host in it":           {aliases, nil, []string{"www-data"}, []string{"ops@example.com", "bob@example.org"}},
		"nobody: postmaster":                 {aliases, nil, []string{"carol"}, []string{"pm@example.com"}},
		"an alias to nobody":                 {aliases, nil, []string{"lost"}, []string{"pm@example.com"}},
		"an alias to itself":                 {aliases, []string{"f@example.com"}, []string{"self", "x@example.org"}, []string{"x@example.org"}},
		"no address":                         {aliases, nil, []string{"a b@c"}, []string{"pm@example.com"}},
		"nobody: default before":             {Aliases{"default": {"d@example.com"}, "root": {"r@example.com"}}, nil, []string{"carol"}, []string{"d@example.com"}},
		"nobody: root":                       {Aliases{"root": {"r@example.com"}}, nil, []string{"carol"}, []string{"r@example.com"}},
		"no aliases":                         {nil, []string{"f@example.com", "g@example.com"}, []string{"root"}, []string{"f@example.com", "g@example.com"}},
		"neither aliases nor anybody at all": {nil, nil, []string{"root"}, nil},
	} {
		c := Config{Aliases: tt.aliases, Fallback: tt.fallback, Host: "web-1.example.com"}
		if diff := cmp.Diff(tt.want, c.resolve(tt.to)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if way := (Aliases{"a": {"b"}, "b": {"x@example.com", "c"}, "c": {"B"}}).Loop(); !cmp.Equal(way, []string{"b", "c", "b"}) {
		t.Errorf("got the loop %v", way)
	}
	if way := (Aliases{"a": {"b", "c"}, "b": {"c"}, "c": {"x@example.com", "unknown"}}).Loop(); way != nil {
		t.Errorf("got the loop %v, want none", way)
	}
}

// TestNobodyIsTheAgent: a program of a user may use the agent's address, with
// the user's name beside it, and nothing hides that.
func TestNobodyIsTheAgent(t *testing.T) {
	message := []byte("From: =?utf-8?q?Tocsin=E2=80=AE=E3=85=A4=E2=A0=80?= <alerts@example.net>\nTo: x@example.org\n\n")
	for _, trusted := range []bool{false, true} {
		out, err := Rewrite(Drop{To: []string{"x@example.org"}, Message: message}, Sender{UID: 1000, Name: "mallory", Trusted: trusted}, testID, testConfig(), testNow())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(out.Data), "\r\nFrom: \"Tocsin (mallory on web-1)\" <alerts@example.net>\r\n"); got == trusted {
			t.Errorf("trusted %t: got\n%s", trusted, out.Data)
		}
	}
}

// TestNobodyIsAnAlert: the fields by which people filter alerts are the agent's,
// also in a mail that goes as an attachment of another one.
func TestNobodyIsAnAlert(t *testing.T) {
	const fields = "X-Tocsin-Severity: critical\nx-tocsin-STATE : failed\nX-Tocsin-Rule:\n file.a/b\n"
	for name, body := range map[string]string{"as it is": "\nb\n", "wrapped": "Content-Type: multipart/mixed\nDKIM-Signature: v=1\n\n\xe4\n"} {
		for _, trusted := range []bool{false, true} {
			for _, keepFrom := range []bool{false, true} {
				c := testConfig()
				c.KeepFrom = keepFrom
				drop := Drop{To: []string{"x@example.org"}, Message: []byte("Subject: s\n" + fields + body)}
				out, err := Rewrite(drop, Sender{UID: 1000, Name: "mallory", Trusted: trusted}, testID, c, testNow())
				if err != nil || (out.Wrapped != nil) != (name == "wrapped") {
					t.Fatalf("%s: got wrapped %v, %v", name, out.Wrapped, err)
				}
				head, _, _ := strings.Cut(strings.ToLower(string(out.Data)), "\r\n\r\n")
				if got, want := strings.Contains("\r\n"+head, "\r\nx-tocsin-"), trusted && name == "as it is"; got != want {
					t.Errorf("%s, trusted %t: got\n%s", name, trusted, out.Data)
				}
				if name == "as it is" && !trusted && !strings.Contains(head, "x-original-x-tocsin-severity: critical\r\nx-original-x-tocsin-state: failed\r\n") {
					t.Errorf("got\n%s", out.Data)
				}
			}
		}
	}
}

func TestEnvelopeLinesAreNotAttached(t *testing.T) {
	kept := string(withoutBcc([]byte("X-Sender: a@example.com\nX-Receiver: open@example.com\nX-Receiver:\n secret@example.com\nTo: open@example.com\n\nx\n")))
	if kept != "X-Sender: a@example.com\nTo: open@example.com\n\nx\n" {
		t.Errorf("got %q", kept)
	}
}

// TestTheLargestMessageFitsTheSpool in its worst encoding.
func TestTheLargestMessageFitsTheSpool(t *testing.T) {
	for _, body := range []string{"\n", "\n\xe4", "\x00", "\xe4"} {
		message := []byte("Subject: x\n\n" + strings.Repeat(body, (MostMaxSize-12)/len(body)))
		out, err := Rewrite(Drop{To: []string{"root"}, Message: message}, Sender{UID: 1000}, testID, testConfig(), testNow())
		if err != nil || len(out.Data) > 63<<20 {
			t.Errorf("%q: got %d bytes, %v", body, len(out.Data), err)
		}
	}
}
