package provider_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/notify/provider"
)

var update = flag.Bool("update", false, "rewrite docs/reference/providers.md")

// published is how many presets there are.
const published = 23

func TestTable(t *testing.T) {
	all := provider.All()
	if len(all) != published {
		t.Errorf("got %d presets, want %d", len(all), published)
	}
	names := map[string]bool{}
	for _, p := range all {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if names[name] || name != strings.ToLower(name) {
				t.Errorf("%s: %q is taken or not in lower case", p.Name, name)
			}
			names[name] = true
			if found, ok := provider.Find(strings.ToUpper(name)); !ok || found.Name != p.Name {
				t.Errorf("find %q: got %q, %v", name, found.Name, ok)
			}
		}
		l := p.Limit
		if len(p.Sources) == 0 || p.Title == "" || p.From == "" || len(p.Endpoints) == 0 || (p.Host == "") != (p.Example != "") {
			t.Errorf("%s: the row is not whole: %+v", p.Name, p)
		}
		if l.RecipientsPerDay+l.RecipientsPerHour == 0 || l.RecipientsPerMessage == 0 || l.MessagesPerConnection == 0 || l.Connections == 0 {
			t.Errorf("%s: limits are missing: %+v", p.Name, l)
		}
		if (p.Login == provider.NoLogin) != (p.Name == "generic" || p.Name == "google-relay") || p.Login != provider.NoLogin && p.Hint == "" {
			t.Errorf("%s: got login %q and hint %q", p.Name, p.Login, p.Hint)
		}
		for _, r := range p.Replies {
			if r.Means == "" || r.Text != strings.ToLower(r.Text) || r == (provider.Reply{Means: r.Means}) {
				t.Errorf("%s: row %+v means nothing or matches everything", p.Name, r)
			}
		}
	}
	if provider.Generic().Name != "generic" || all[len(all)-1].Name != "generic" {
		t.Error("generic is not the last")
	}
	if _, ok := provider.Find(""); ok {
		t.Error("the empty name is a provider")
	}
}

func TestPause(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, tt := range []struct {
		pause     provider.Pause
		now, want string
		text      string
	}{
		{provider.Pause{For: 15 * time.Minute}, "2026-11-22T10:00:00Z", "2026-11-22T10:15:00Z", "15m"},
		{provider.Pause{For: 30 * time.Second}, "2026-11-22T10:00:00Z", "2026-11-22T10:00:30Z", "30s"},
		{provider.Pause{For: 24 * time.Hour, Firm: true}, "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z", "24h without a try"},
		{provider.Pause{Day: true}, "2026-11-22T10:00:00Z", "2026-11-22T16:05:00Z", "until 00:05 in China"},
		{provider.Pause{Day: true}, "2026-11-22T16:00:00Z", "2026-11-23T16:05:00Z", "until 00:05 in China"},
		{provider.Pause{Day: true}, "2026-12-31T12:00:00-05:00", "2027-01-01T16:05:00Z", "until 00:05 in China"},
	} {
		if got := tt.pause.Until(at(tt.now)); !got.Equal(at(tt.want)) || tt.pause.String() != tt.text {
			t.Errorf("%+v at %s: got %s, %q, want %s, %q", tt.pause, tt.now, got, tt.pause, tt.want, tt.text)
		}
	}
	if got := (provider.Pause{}).Until(at("2026-11-22T10:00:00Z")); !got.IsZero() || (provider.Pause{}).String() != "" {
		t.Errorf("the zero pause: got %s, want none", got)
	}
}

// TestDocument holds docs/reference/providers.md to the table.
func TestDocument(t *testing.T) {
	const file = "../../docs/reference/providers.md"
	want := document()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Fatalf("%s is not the table: run go test ./notify/provider -update (%v)", file, err)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# Mail providers

The presets of ` + "`provider = \"…\"`" + ` in a [mailserver](rulefile.md#mailserver-name) block. What the block says itself wins, but limits that the provider publishes may only
be made smaller. ` + "`tocsin providers NAME`" + ` shows one in full, with its hints and sources. What replies mean is in [mail and limits](../mail.md).

`)
	b.WriteString("| `provider` | also | host | ports | password | sender | kept to |\n|---|---|---|---|---|---|---|\n")
	for _, p := range provider.All() {
		var also, ports []string
		for _, alias := range p.Aliases {
			also = append(also, "`"+alias+"`")
		}
		for _, e := range p.Endpoints {
			security := "STARTTLS"
			if e.Implicit {
				security = "TLS"
			}
			ports = append(ports, fmt.Sprintf("%d %s", e.Port, security))
		}
		host := p.Host
		if host == "" {
			host = "set `host`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
			p.Name, strings.Join(also, ", "), host, strings.Join(ports, ", "), p.Login, p.From, keptTo(p))
	}
	return b.String()
}

func keptTo(p provider.Preset) string {
	var parts []string
	for _, w := range p.Limit.Windows() {
		parts = append(parts, fmt.Sprintf("%d %s", w.Max, strings.NewReplacer("_per_hour", " an hour", "_per_", " a ").Replace(w.Name)))
	}
	parts = append(parts, fmt.Sprintf("%d recipients a message", p.Limit.RecipientsPerMessage))
	if !p.Fixed {
		parts = append(parts, "or what you set")
	}
	return strings.Join(parts, ", ")
}
