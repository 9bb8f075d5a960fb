package notify

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// submit puts a message of another program that is too large to be in memory.
func (p *post) submit() string {
	p.t.Helper()
	id := spool.NewID()
	raw := append([]byte("Subject: x\r\n\r\n"), make([]byte, 300<<10)...)
	err := p.Spool.Put(spool.Item{ID: id, Queued: time.Now(), Raw: raw, Targets: []spool.Target{{Addresses: []string{"a@x.example", "b@x.example"}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// spoil flips a bit at the end of a spool file.
func (p *post) spoil(sub, name string) {
	p.t.Helper()
	path := filepath.Join(p.dir, "spool", sub, name)
	data, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	data[len(data)-1] ^= 0x01
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestADamagedMessageIsSetAside: the others go, and it is said once.
func TestADamagedMessageIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) { s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")} })
		damaged := p.submit()
		p.submit()
		p.put(tocsin.Warning)
		p.after(time.Minute)
		p.spoil("queue", damaged+".item")
		one.set(func(s *server) { s.dial = nil })
		p.after(time.Hour)
		if got := one.mails(); len(got) != 2 {
			t.Errorf("got %d mails, want the other two", len(got))
		}
		if said := p.Spool.Damaged(); len(said) != 1 {
			t.Errorf("got %q", said)
		}
		p.idle()
		p.stop()
	})
}

// TestADamagedMailGoesAllTheSame: its events are there still, and so is its message.
func TestADamagedMailGoesAllTheSame(t *testing.T) {
	for name, put := range map[string]func(p *post){
		"events":  func(p *post) { p.put(tocsin.Warning) },
		"message": func(p *post) { p.submit() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPost(t, quota.Limit{}, "one")
				one := p.servers["one"]
				later := func(string) (smtp.Status, error) { return smtp.Deferred, nil }
				one.set(func(s *server) { s.send = later })
				put(p)
				p.after(time.Second)
				p.spoil("mail", p.Spool.Letters()[0].Mail.ID+".mail")
				one.set(func(s *server) { s.send = nil })
				p.after(time.Hour)
				if got := one.mails(); len(got) != 1 || len(got[0].to) != 2 {
					t.Errorf("got %d mails, want it once, to both", len(got))
				}
				if said := p.Spool.Damaged(); len(said) != 1 {
					t.Errorf("got %q", said)
				}
				p.idle()
				p.stop()
			})
		})
	}
}
