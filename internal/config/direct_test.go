package config_test

import (
	"slices"
	"testing"

	"tocsin/notify/smtp"
)

// TestDirectDeliveryIsAskedFor: nothing but a mail block or a route that names
// it brings it about.
func TestDirectDeliveryIsAskedFor(t *testing.T) {
	_, cfg := loadArchive(t, parse(t, glob(t, "testdata/good/direct.txtar")[0]))
	if cfg == nil {
		t.Fatal("no configuration")
	}
	if got := cfg.Mails[0].Servers; !slices.Equal(got, []string{"relay", "mx"}) {
		t.Errorf("ops: got %v", got)
	}
	if got := cfg.Mails[1].Servers; !slices.Equal(got, []string{"relay"}) {
		t.Errorf("dev: got %v", got)
	}
	if got := cfg.Servers; !slices.Equal(got, []string{"relay", "mx"}) {
		t.Errorf("other mail: got %v, want that of the first block as well", got)
	}
	for i, want := range []smtp.Server{
		{Name: "verified", Direct: true, Port: 25, TLS: smtp.TLSStartTLS},
		{Name: "mx", Direct: true, Port: 25, TLS: smtp.TLSOpportunistic},
		{Name: "relay", Port: 465},
	} {
		got := cfg.Accounts[i].Server
		if got.Name != want.Name || got.Direct != want.Direct || got.Port != want.Port || got.TLS != want.TLS {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestRoutesOfDomains: a mail server that a route names is for that alone.
func TestRoutesOfDomains(t *testing.T) {
	_, cfg := loadArchive(t, parse(t, glob(t, "testdata/good/route-domains.txtar")[0]))
	if cfg == nil {
		t.Fatal("no configuration")
	}
	for to, want := range map[string][]string{
		"a@example.com": {"lan"}, "a@x.example.com": {"lan", "far"}, "a@[192.0.2.1]": {"lan"}, "a@[IPv6:2001:DB8::1]": {"lan"}, "a@example.org": nil,
	} {
		if got := cfg.Domains.Servers(to); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", to, got, want)
		}
	}
	if want := []string{"other"}; !slices.Equal(cfg.Servers, want) || !slices.Equal(cfg.Mails[0].Servers, want) {
		t.Errorf("got %v and %v, want %v", cfg.Servers, cfg.Mails[0].Servers, want)
	}
}
