package notify

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/transport"
)

// direct makes the account "mx" one that delivers directly, and the only one of
// the mail block.
func direct(t *testing.T, to ...string) *post {
	p := newPost(t, quota.Limit{}, "mx")
	p.stop()
	p.setup.Accounts[0].Direct = true
	p.setup.Mails[0].To = to
	p.start()
	return p
}

func TestOneDomainATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, "a@x.example", "b@y.example", "c@X.example", "d@z.example")
		p.putRouted()
		p.after(time.Second)
		p.idle()
		var got []string
		for _, m := range p.servers["mx"].mails() {
			got = append(got, strings.Join(m.to, " "))
		}
		if diff := cmp.Diff([]string{"a@x.example c@X.example", "b@y.example", "d@z.example"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		p.stop()
	})
}

// TestADeadDomainHoldsUpNobody: the others get the mail at once, the dead one is
// tried slower and slower, and each of two dead ones has its turn.
func TestADeadDomainHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, "a@dead.example", "b@dead2.example", "c@x.example")
		tries, alive := map[string]int{}, false
		p.servers["mx"].set(func(s *server) {
			s.send = func(to string) (smtp.Status, error) {
				tries[to]++
				if strings.Contains(to, "dead") && !alive {
					return smtp.Deferred, &smtp.Failure{Scope: smtp.Message, Phase: smtp.PhaseResolve}
				}
				return smtp.Accepted, nil
			}
		})
		p.putRouted()
		p.putRouted()
		p.after(time.Second)
		if got := p.reached("mx"); got["c@x.example"] != 2 {
			t.Errorf("got %v after a second, want the others to have their mail", got)
		}
		p.after(24 * time.Hour)
		// Half-hourly with two mails is about 100; a storm would be thousands.
		for _, to := range []string{"a@dead.example", "b@dead2.example"} {
			if tries[to] < 30 || tries[to] > 250 {
				t.Errorf("%s was tried %d times in a day", to, tries[to])
			}
		}
		p.servers["mx"].set(func(*server) { alive = true })
		p.after(2 * time.Hour)
		p.idle()
		if diff := cmp.Diff(map[string]int{"a@dead.example": 2, "b@dead2.example": 2, "c@x.example": 2}, p.reached("mx")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		p.stop()
	})
}

func TestDirectDeliveryIsNoDefault(t *testing.T) {
	mx := account("mx", quota.Limit{})
	mx.Direct = true
	setup := Setup{Accounts: []Account{mx, account("one", quota.Limit{})}}
	if got := setup.servers("", "a@x.example"); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %v", got)
	}
	setup.Domains = transport.Table{"x.example": {"mx"}}
	if got := setup.servers("", "a@x.example"); !slices.Equal(got, []string{"mx"}) {
		t.Errorf("got %v for a domain that names it", got)
	}
}
