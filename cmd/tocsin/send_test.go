package main

import (
	"testing"

	"tocsin/internal/config"
	"tocsin/notify"
	"tocsin/notify/pickup"
	"tocsin/notify/smtp"
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
