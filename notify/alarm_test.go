package notify

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
)

// TestGivenUpMailRaisesAnAlarm: whoever else there is hears of it, once an
// hour, and an alarm that is refused raises no other.
func TestGivenUpMailRaisesAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		alarms := &Alarms{Log: p.Log, Host: func() string { return "web-1.example.com" }}
		router := Router{Mails: p.setup.Mails}
		alarms.Desk = &Desk{Spool: p.Spool, Log: p.Log, Router: func() Router { return router }}
		p.Refused = alarms.Refused
		p.servers["one"].set(func(s *server) {
			s.send = func(to string) (smtp.Status, error) {
				if to == "b@x.example" {
					return smtp.Refused, nil
				}
				return smtp.Accepted, nil
			}
		})
		p.put(tocsin.Critical)
		p.after(time.Minute)
		p.put(tocsin.Warning)
		p.after(50 * time.Minute)
		p.idle()
		var subjects []string
		for _, m := range p.servers["one"].mails() {
			subject, _, _ := strings.Cut(strings.SplitAfter(string(m.data), "Subject: ")[1], "\r\n")
			subjects = append(subjects, subject)
		}
		if got := strings.Join(subjects, "|"); strings.Count(got, "Mail given up") != 1 || len(subjects) != 3 {
			t.Errorf("got %q, want both mails and one alarm", got)
		}
		p.after(11 * time.Minute)
		p.put(tocsin.Warning)
		p.after(time.Minute)
		if n := len(p.servers["one"].mails()); n != 5 {
			t.Errorf("got %d mails after an hour, want another two", n)
		}
		p.stop()
	})
}
