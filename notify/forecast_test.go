package notify

import (
	"fmt"
	"testing"
	"time"

	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

func account(name string, limit quota.Limit) Account {
	return Account{Server: smtp.Server{Name: name}, Limit: limit}
}

func TestForecast(t *testing.T) {
	now := noon().Add(time.Hour)
	some := func(n int, suffix string) (waiting []spool.Waiting) {
		for i := range n {
			w := waitingItem(fmt.Sprint(i, suffix))
			w.Item.Queued = now
			waiting = append(waiting, w)
		}
		return waiting
	}
	letter := spool.Letter{Mail: &spool.Mail{ID: "l", Notifier: "ops", Queued: now, Recipients: []string{"a@x", "b@x"}}, Delivery: spool.Delivery{Next: now.Add(time.Hour)}}
	full := []quota.Use{{At: now.Add(-50 * time.Minute), Recipients: 10}}
	tests := []struct {
		name string
		b    Backlog
		want string
	}{
		{"nothing", Backlog{}, "0 mails"},
		{"no limit", Backlog{Waiting: some(3, "")}, "3 mails, the last in 0s"},
		{"a storm is one mail", Backlog{Waiting: some(300, "")}, "1 mails, the last in 0s"},
		{"a retry is waited for", Backlog{Letters: []spool.Letter{letter}}, "1 mails, the last in 1h0m0s"},
		{"a limit", Backlog{Waiting: some(2, ""), Used: map[string][]quota.Use{"a": full}}, "2 mails, the last in 10m0s"},
		{"critical ones are not of the digest", Backlog{Waiting: append(some(2, ""), some(2, "c")...), Used: map[string][]quota.Use{"a": full}}, "2 mails, the last in 10m0s"},
		{"a pause", Backlog{Waiting: some(1, ""), Paused: map[string]time.Time{"a": now.Add(time.Minute)}}, "1 mails, the last in 1m0s"},
		{"a notifier without a server", Backlog{Waiting: some(1, "@boss"), Setup: Setup{Mails: []Mail{{Name: "boss"}}}}, "0 mails, 1 stuck"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.b.Setup.Accounts = []Account{account("a", quota.Limit{RecipientsPerHour: 10})}
			if tt.b.Used == nil {
				tt.b.Setup.Accounts[0].Limit = quota.Limit{}
			}
			f := tt.b.Forecast(now)
			got := fmt.Sprintf("%d mails", f.Mails)
			if f.Mails > 0 {
				got += fmt.Sprintf(", the last in %s", f.Last.Sub(now).Round(time.Second))
			}
			if f.Stuck > 0 {
				got += fmt.Sprintf(", %d stuck", f.Stuck)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
