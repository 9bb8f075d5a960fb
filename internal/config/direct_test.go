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
