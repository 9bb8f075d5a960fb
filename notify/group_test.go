package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
	"tocsin/notify/transport"
)

func TestTargetsAreSplitByRoute(t *testing.T) {
	r := Router{
		Mails:   []Mail{{Name: "ops", To: []string{"Ann <ann@far.example>", "bob@lan.example"}, Cc: []string{"ANN@lan.example"}, Bcc: []string{"c@far.example"}}},
		Domains: transport.Table{"lan.example": {"two"}},
	}
	want := []spool.Target{
		{Notifier: "ops", Addresses: []string{"ann@far.example", "c@far.example"}},
		{Notifier: "ops", Addresses: []string{"bob@lan.example", "ANN@lan.example"}},
	}
	if diff := cmp.Diff(want, r.Targets(&tocsin.Event{Type: tocsin.Failed})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// putRouted puts an event as the desk does.
func (p *post) putRouted() {
	p.t.Helper()
	p.n++
	ev := tocsin.Event{ID: fmt.Sprintf("%032x", p.n), Type: tocsin.Failed, Host: "h", Check: "c", Rule: "r", Severity: tocsin.Warning, At: time.Now(), Since: time.Now()}
	item, ok := Router{Mails: p.setup.Mails, Domains: p.setup.Domains}.Item(ev, time.Now())
	if !ok {
		p.t.Fatal("nobody is to hear of it")
	}
	if err := p.Spool.Put(item); err != nil {
		p.t.Fatal(err)
	}
}

// reached says how often each recipient got a mail of a server.
func (p *post) reached(server string) map[string]int {
	got := map[string]int{}
	for _, m := range p.servers[server].mails() {
		for _, to := range m.to {
			got[to]++
		}
	}
	return got
}

func TestADomainHasItsOwnServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one", "two")
		p.stop()
		p.setup.Mails[0].Servers = []string{"one"}
		p.setup.Mails[0].To = []string{"a@far.example", "b@lan.example"}
		p.setup.Domains = transport.Table{"lan.example": {"two"}}
		p.start()
		p.servers["two"].set(func(s *server) { s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")} })
		p.putRouted()
		p.after(time.Second)
		if diff := cmp.Diff(map[string]int{"a@far.example": 1}, p.reached("one")); diff != "" {
			t.Errorf("one route waits for the other (-want +got):\n%s", diff)
		}
		p.stop() // what waits keeps its route
		p.servers["two"].set(func(s *server) { s.dial = nil })
		p.start()
		p.after(time.Hour)
		p.idle()
		if diff := cmp.Diff(map[string]int{"b@lan.example": 1}, p.reached("two")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for name, s := range p.servers {
			if m := s.mails(); len(m) != 1 || !strings.Contains(string(m[0].data), "\r\nTo: <a@far.example>, <b@lan.example>\r\n") {
				t.Errorf("%s: the header does not show all recipients: %v", name, m)
			}
		}
		p.stop()
	})
}

func TestAReloadRoutesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one", "two")
		p.stop()
		p.setup.Mails[0].Servers = []string{"one"}
		p.setup.Mails[0].To = []string{"a@far.example", "b@lan.example", "c@far.example"}
		p.start()
		one := p.servers["one"]
		one.set(func(s *server) { s.send = func(string) (smtp.Status, error) { return smtp.Deferred, nil } })
		p.putRouted() // one mail for all, which is composed and refused for a while
		p.after(time.Second)
		p.stop()
		one.set(func(s *server) { s.send = nil })
		p.setup.Domains = transport.Table{"lan.example": {"two"}}
		p.start()
		p.after(time.Hour)
		p.idle()
		if diff := cmp.Diff(map[string]int{"a@far.example": 1, "c@far.example": 1}, p.reached("one")); diff != "" {
			t.Errorf("one (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"b@lan.example": 1}, p.reached("two")); diff != "" {
			t.Errorf("two (-want +got):\n%s", diff)
		}
		p.stop()
	})
}

func TestMailWithoutAServerOfItsOwn(t *testing.T) {
	setup := Setup{
		Accounts: []Account{account("one", quota.Limit{}), account("two", quota.Limit{}), account("lan", quota.Limit{})},
		Mails:    []Mail{{Name: "ops", Servers: []string{"two"}}}, Domains: transport.Table{"lan.example": {"lan", "one"}},
	}
	for _, tt := range []struct {
		notifier, to string
		common, want []string
	}{
		{"ops", "a@x.example", nil, []string{"two"}},
		{"ops", "a@lan.example", nil, []string{"lan", "one"}},
		{"", "a@lan.example", []string{"one"}, []string{"lan", "one"}},
		{"", "a@x.example", nil, []string{"one", "two", "lan"}},
		{"gone", "a@x.example", []string{"one", "two"}, []string{"one", "two"}},
	} {
		setup.Servers = tt.common
		if got := setup.servers(tt.notifier, tt.to); !slices.Equal(got, tt.want) {
			t.Errorf("%q to %s: got %v, want %v", tt.notifier, tt.to, got, tt.want)
		}
	}
}

func TestResume(t *testing.T) {
	now, a := noon(), Account{Retry: []time.Duration{time.Hour}}
	for name, tt := range map[string]struct {
		state map[string]spool.Recipient
		group []string
		next  time.Duration // of the group
		least time.Duration // of the letter; a wait is 20 % more or less
		most  time.Duration
	}{
		"one group":               {map[string]spool.Recipient{}, []string{"a", "b", "c"}, time.Minute, time.Minute, time.Minute},
		"others were never tried": {map[string]spool.Recipient{"a": {At: now}}, []string{"a"}, time.Hour, 0, 0},
		"others were tried": {
			map[string]spool.Recipient{"a": {At: now}, "b": {At: now.Add(-20 * time.Minute)}, "c": {At: now}},
			[]string{"a"},
			time.Hour,
			28 * time.Minute, 52 * time.Minute,
		},
		"only others are left": {
			map[string]spool.Recipient{"a": {At: now, Status: spool.Sent}, "b": {At: now}, "c": {At: now}},
			[]string{"a"},
			0,
			48 * time.Minute, 72 * time.Minute,
		},
		"the group is earlier": {map[string]spool.Recipient{"a": {At: now}, "b": {At: now}, "c": {At: now}}, []string{"a"}, time.Minute, time.Minute, time.Minute},
	} {
		l := spool.Letter{Mail: &spool.Mail{Recipients: []string{"a", "b", "c"}}, Delivery: spool.Delivery{Attempts: 1, Recipients: tt.state, Next: now.Add(tt.next)}}
		if got := resume(l, tt.group, a, now).Sub(now); got < tt.least || got > tt.most {
			t.Errorf("%s: got %s, want %s to %s", name, got, tt.least, tt.most)
		}
	}
}
