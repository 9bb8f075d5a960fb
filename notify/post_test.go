package notify

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// server is an account whose behavior a test sets.
type server struct {
	mu    sync.Mutex
	dial  error
	send  func(to string) (smtp.Status, error)
	hang  bool
	dials []time.Time
	sent  []delivered
}

type delivered struct {
	at   time.Time
	to   []string
	data []byte
}

func (s *server) set(f func(s *server)) { s.mu.Lock(); defer s.mu.Unlock(); f(s) }

func (s *server) mails() []delivered { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.sent) }

func (s *server) dialed() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.dials) }

// talk is a session with a server.
type talk struct{ *server }

func (t talk) Reusable() bool { return true }
func (t talk) Close() error   { return nil }

func (t talk) Send(ctx context.Context, e smtp.Envelope, data []byte) (smtp.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hang {
		t.mu.Unlock()
		<-ctx.Done()
		t.mu.Lock()
		return smtp.Result{Ambiguous: true}, &smtp.Failure{Phase: smtp.PhaseDot, Err: ctx.Err(), Ambiguous: true}
	}
	var r smtp.Result
	taken := delivered{at: time.Now(), data: data}
	for _, to := range e.To {
		status, err := smtp.Accepted, error(nil)
		if t.send != nil {
			status, err = t.send(to)
		}
		r.Recipients = append(r.Recipients, smtp.Verdict{Address: to, Status: status, Reply: smtp.Reply{Code: 250, Text: status.String()}})
		if err != nil {
			return r, err
		}
		if status == smtp.Accepted {
			taken.to = append(taken.to, to)
		}
	}
	if len(taken.to) > 0 {
		t.sent = append(t.sent, taken)
	}
	return r, nil
}

// post is a courier with its spool and its servers.
type post struct {
	rushed  atomic.Bool // several mails followed each other
	t       *testing.T
	dir     string
	servers map[string]*server
	setup   Setup
	*Courier
	prepare func() // before the courier begins; may be nil
	stop    func()
	n       int
}

func newPost(t *testing.T, limit quota.Limit, names ...string) *post {
	p := &post{t: t, dir: t.TempDir(), servers: map[string]*server{}}
	for _, name := range names {
		p.servers[name] = &server{}
		p.setup.Accounts = append(p.setup.Accounts, Account{Server: smtp.Server{Name: name, Username: "me@x.example"}, Limit: limit})
	}
	p.setup.Mails = []Mail{{Name: "ops", From: "me@x.example", To: []string{"a@x.example", "b@x.example"}, Servers: names}}
	p.start()
	return p
}

func (p *post) start() {
	p.t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := spool.Open(filepath.Join(p.dir, "spool"), log, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	ledger, _, err := quota.Open(filepath.Join(p.dir, "quota.log"), nil, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.Courier, err = NewCourier(s, ledger, filepath.Join(p.dir, "accounts.json"), log, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.Dial = func(_ context.Context, s smtp.Server) (Session, error) {
		srv := p.servers[s.Name]
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.dials = append(srv.dials, time.Now())
		if srv.dial != nil {
			return nil, srv.dial
		}
		return talk{srv}, nil
	}
	p.Rush = func() { p.rushed.Store(true) }
	if p.prepare != nil {
		p.prepare()
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	p.Configure(ctx, p.setup)
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.stop = func() { cancel(); <-done; _ = ledger.Close() }
}

// put puts an event for both recipients.
func (p *post) put(severity tocsin.Severity) string {
	p.t.Helper()
	p.n++
	id := fmt.Sprintf("%032x", p.n)
	ev := &tocsin.Event{ID: id, Type: tocsin.Failed, Host: "h", Check: "c", Rule: "r", Severity: severity, At: time.Now(), Since: time.Now()}
	item := spool.Item{ID: id, Queued: time.Now(), Severity: severity, Event: ev, Targets: []spool.Target{p.setup.Mails[0].target(&tocsin.Event{}, 0)}}
	if err := p.Spool.Put(item); err != nil {
		p.t.Fatal(err)
	}
	return id
}

var eventLine = regexp.MustCompile(`(?m)^Event-ID: ([0-9a-f]+)\r$`)

func (d delivered) events() []string {
	var ids []string
	for _, m := range eventLine.FindAllSubmatch(d.data, -1) {
		ids = append(ids, string(m[1]))
	}
	return ids
}

func (p *post) after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func (p *post) idle() {
	p.t.Helper()
	if w, l := p.Spool.Waiting(), p.Spool.Letters(); len(w)+len(l) != 0 {
		p.t.Errorf("%d items and %d mails are left: %+v", len(w), len(l), l)
	}
}
