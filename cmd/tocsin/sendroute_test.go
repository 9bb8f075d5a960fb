package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/postbox"
)

// TestSendTakesTheRouteOfEachDomain sends one mail through two servers.
func TestSendTakesTheRouteOfEachDomain(t *testing.T) {
	dir := t.TempDir()
	servers := map[string]*postbox.Server{}
	var rules strings.Builder
	for _, name := range []string{"far", "lan"} {
		server, err := postbox.Start(postbox.Config{Mode: postbox.None})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		servers[name] = server
		fmt.Fprintf(&rules, "mailserver %q {\n  host = %q\n  port = %d\n  tls = \"none\"\n}\n", name, server.Host(), server.Port())
	}
	rules.WriteString("agent {\n  host = \"web-1.lan\"\n  route_domains = { \".lan.example\" = mailserver.lan }\n}\n" +
		"pickup {\n  masquerade = \"example.com\"\n}\nmailserver \"mx\" {\n  direct = true\n}\n")
	config := filepath.Join(dir, "tocsin.hcl")
	if err := os.WriteFile(config, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := run(t.Context(), []string{
		"-c", config, "--state", filepath.Join(dir, "state"), "send", "-s", "hi",
		"a@x.lan.example", "b@far.example", "c@y.lan.example", "d@lan.example",
	}, streams{strings.NewReader("body\n"), &out, &out})
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, out.String())
	}
	for name, want := range map[string][]string{"far": {"b@far.example", "d@lan.example"}, "lan": {"a@x.lan.example", "c@y.lan.example"}} {
		mails := servers[name].Mails()
		if len(mails) != 1 || !slices.Equal(mails[0].To, want) {
			t.Errorf("%s got %+v, want one mail to %v", name, mails, want)
			continue
		}
		for _, to := range []string{"a@x.lan.example", "b@far.example", "c@y.lan.example", "d@lan.example"} {
			if !bytes.Contains(mails[0].Data, []byte(to)) {
				t.Errorf("%s: the header does not show %s:\n%s", name, to, mails[0].Data)
			}
		}
		if own := userName(uint32(os.Getuid())); own != "" && mails[0].From != own+"@example.com" {
			t.Errorf("%s: it is from %s, want the user in the domain of masquerade", name, mails[0].From)
		}
	}
}
