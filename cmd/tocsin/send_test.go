package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
	"tocsin/notify"
	"tocsin/notify/pickup"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

func TestOwnFrom(t *testing.T) {
	block := []notify.Mail{{From: "Alerts <alerts@example.net>"}}
	account := []notify.Account{{Server: smtp.Server{Username: "web@example.org"}}}
	for _, tt := range []struct {
		mails    []notify.Mail
		accounts []notify.Account
		domain   string
		uid      int
		want     string
	}{
		{block, account, "", 0, "Alerts <alerts@example.net>"},
		{nil, account, "", 0, "web@example.org"},
		{nil, nil, "", 0, "tocsin@web-1.lan"},
		{block, account, "example.com", 0, "root@example.com"},
		{block, account, "example.com", 3_999_999_999, "Alerts <alerts@example.net>"}, // who has no name
		{nil, nil, "example.com", 3_999_999_999, "tocsin@example.com"},
	} {
		cfg := &config.Config{Mails: tt.mails, Accounts: tt.accounts, Agent: config.Agent{Host: "web-1.lan"}, Pickup: pickup.Config{Masquerade: tt.domain}}
		if got := ownFrom(cfg, tt.uid); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt, got, tt.want)
		}
	}
}

// TestSendOfADamagedMessage: what left the queue for corrupt/ was not delivered.
func TestSendOfADamagedMessage(t *testing.T) {
	cfg := &config.Config{Agent: config.Agent{StateDir: t.TempDir()}}
	s, err := openStore(t.Context(), cfg, holderSend, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	item := spool.Item{ID: spool.NewID(), Raw: make([]byte, 1<<20), Targets: []spool.Target{{Addresses: []string{"a@example.com"}}}}
	if err := s.spool.Put(item); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(spoolDir(s.dir), "queue", item.ID+".item"), 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := s.spool.Raw(item.ID); err == nil {
		t.Fatal("it can be read")
	}
	err = deliver(t.Context(), &options{std: streams{err: io.Discard}}, cfg, s, item, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "not delivered") || !strings.Contains(err.Error(), item.ID) {
		t.Errorf("got %v", err)
	}
}
