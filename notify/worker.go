package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tocsin"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
	"tocsin/templates"
)

// How long a connection is kept: providers close idle ones after about ten
// seconds (Amazon SES) and any after some minutes.
const (
	idleTime = 5 * time.Second
	keepTime = 5 * time.Minute
)

// putOffTime is how long a mail is left alone that could not be made, mostly
// because the disk does not take what must be durable first.
const putOffTime = 5 * time.Second

// worker sends the mail of one account over one connection.
type worker struct {
	courier *Courier
	account Account
	quit    <-chan struct{} // closed when another setup is in force
	before  <-chan struct{} // closed when the account's last worker has ended; may be nil
	log     *slog.Logger

	session Session
	opened  time.Time
	sent    int           // messages over this session
	took    time.Duration // the last mail
}

// run takes one job after the other until its setup or ctx ends.
func (w *worker) run(ctx context.Context) {
	if w.before != nil {
		select {
		case <-w.before:
		case <-ctx.Done():
			return
		}
	}
	defer w.flush()
	defer w.hangUp()
	// What is on the wire when the agent stops may finish, for a moment.
	wire, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(finishGrace, cut) })
	defer stop()
	var queue []*parcel
	for ctx.Err() == nil && !w.ended() {
		if len(queue) == 0 {
			jobs, wake, changed := w.courier.claim(w.account.Name, 1, time.Now())
			if changed != nil {
				w.sleep(ctx, wake, changed)
				continue
			}
			queue = []*parcel{{job: jobs[0]}}
		}
		p := queue[0]
		queue = queue[1:]
		more, fine, err := w.do(ctx, wire, p, len(queue) == 0)
		if err != nil {
			w.log.Error("mail put off", "for", putOffTime.String(), "err", err)
			w.courier.putOff(p.job, putOffTime, time.Now())
		} else {
			w.courier.release(p.job)
		}
		queue = append(queue, more...)
		if !fine { // the server is left alone now
			w.unpack(queue)
			queue = nil
		}
	}
	w.unpack(queue)
}

// flushAfter is how long nothing is to do before what was finished is made
// durable: a disk takes many ends of mails at once as fast as one.
const flushAfter = 100 * time.Millisecond

// flush makes durable what was finished.
func (w *worker) flush() {
	if err := w.courier.Spool.Flush(); err != nil {
		w.log.Warn("what was sent is not durable: after a power cut it may be sent once more", "err", err)
	}
}

func (w *worker) ended() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

// sleep waits for a change, for wake, or for the connection to be idle too
// long.
func (w *worker) sleep(ctx context.Context, wake time.Time, changed <-chan struct{}) {
	var idle, due <-chan time.Time
	settled := time.After(flushAfter)
	if w.session != nil {
		idle = time.After(idleTime)
	}
	if !wake.IsZero() {
		due = time.After(time.Until(wake))
	}
	for {
		select {
		case <-ctx.Done():
		case <-w.quit:
		case <-changed:
		case <-due:
		case <-settled:
			w.flush()
			settled = nil
			continue
		case <-idle:
			w.hangUp()
			idle = nil
			continue
		}
		return
	}
}

// do sends one job and records what became of it. A connection that is only
// being made ends with ctx or the setup; a mail on the wire, with wire. An error
// says that this mail cannot go now and others may. last says that nothing is
// ready behind it: more is what was made ready meanwhile. fine is false when the
// account is not.
func (w *worker) do(ctx, wire context.Context, p *parcel, last bool) (more []*parcel, fine bool, err error) {
	if p.job.over() {
		w.conclude(*p.job.letter, smtp.Result{}, 0, time.Now())
		return nil, true, nil
	}
	if err := w.connect(ctx); err != nil {
		w.accountFailed(ctx, err)
		w.settle(p)
		return nil, false, nil
	}
	if p.ready && !w.courier.Spool.Going(p.letter.Mail.ID) {
		w.settle(p) // somebody dropped it meanwhile, or keeps it back
		return nil, true, nil
	}
	if !p.ready {
		if err := w.pack(p, w.courier.Ledger.Reserve); err != nil || !p.ready {
			return nil, true, err
		}
	}
	depth := 0
	if last {
		depth = depthOf(w.took)
	}
	ahead := make(chan []*parcel, 1)
	go func() { ahead <- w.ahead(depth) }()
	began := time.Now()
	fine = w.transact(wire, p.letter, p.group, p.grant.Recipients)
	w.took = time.Since(began)
	w.settle(p)
	return <-ahead, fine, nil
}

// connect makes sure of a session.
func (w *worker) connect(ctx context.Context) error {
	limit := w.account.Limit.MessagesPerConnection
	if w.session != nil && (!w.session.Reusable() || time.Since(w.opened) > keepTime || (limit > 0 && w.sent >= limit)) {
		w.hangUp()
	}
	if w.session != nil {
		return nil
	}
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a reload need not wait for a server that does not answer
		select {
		case <-w.quit:
			cancel()
		case <-dialing.Done():
		}
	}()
	session, err := w.courier.Dial(dialing, w.account.Server)
	if err != nil {
		return err
	}
	w.session, w.opened, w.sent = session, time.Now(), 0
	return nil
}

func (w *worker) hangUp() {
	if w.session != nil {
		_ = w.session.Close() // nothing depends on a QUIT
		w.session = nil
	}
}

// letter is the job's mail: composed before, or composed and frozen now.
func (w *worker) letter(j job) (letter spool.Letter, err error) {
	now := time.Now()
	if j.letter != nil {
		l := *j.letter
		l.Delivery.Attempts++
		// Recorded before the server hears of it, so that a crash in the
		// middle is counted.
		if err := w.courier.Spool.Record(l.Mail.ID, l.Delivery); err != nil {
			w.log.Warn("state of a mail not saved", "mail", l.Mail.ID, "err", err)
		}
		m := *l.Mail
		m.Data, err = w.courier.Spool.Data(m.ID)
		l.Mail = &m
		return l, err
	}
	target := j.waiting[0].Target
	events := j.events()
	w.courier.renew(j, events, now)
	m, err := compose(w.courier.notifier(target, w.account), target, j, events, w.courier.Spool.Raw, now)
	if err != nil {
		return spool.Letter{}, err
	}
	if err := w.courier.Spool.Compose(m, target); err != nil {
		if len(j.waiting) > 1 && !errors.Is(err, spool.ErrWithdrawn) {
			// A digest must be durable first; its first item alone need not.
			return w.letter(job{waiting: j.waiting[:1]})
		}
		return spool.Letter{}, err
	}
	return spool.Letter{Mail: &m, Delivery: spool.Delivery{Attempts: 1, Recipients: map[string]spool.Recipient{}}}, nil
}

// compose renders the mail for waiting items, which is about events; raw reads the
// bytes of a message.
func compose(n Mail, t spool.Target, j job, events []tocsin.Event, raw func(id string) ([]byte, error), now time.Time) (m spool.Mail, err error) {
	first := j.waiting[0].Item
	m = spool.Mail{
		Notifier: t.Notifier, Template: t.Template, Severity: j.severity(), Recipients: t.Addresses,
		Queued: first.Queued, Composed: now, From: bare(n.From),
	}
	for _, waiting := range j.waiting {
		m.Items = append(m.Items, waiting.Item.ID)
		if waiting.Item.Queued.Before(m.Queued) {
			m.Queued = waiting.Item.Queued
		}
	}
	m.ID = spool.MailID(t, m.Items)
	if first.Event == nil {
		if first.From != "" {
			m.From = first.From
		}
		m.Message = true
		m.Data, err = raw(first.ID)
		m.Subject = subjectOf(m.Data)
		return m, err
	}
	envelope := templates.Envelope{
		ID: m.ID, From: n.From, ReplyTo: n.ReplyTo, To: n.shown(n.To, events), Cc: n.shown(n.Cc, events), Headers: n.Headers,
		Template: n.Template, Style: n.Style, Queued: m.Queued, Composed: now,
	}
	if s := first.Silence; s != nil {
		envelope.Silence, envelope.Until = s.Text, s.Until
	}
	message, err := templates.Render(envelope, events)
	if err != nil {
		return spool.Mail{}, err
	}
	m.Data, m.Subject, m.Alarm = message.Data, summary(events), isAlarm(events)
	return m, nil
}

// bare is the address of a mailbox; the configuration has checked it.
func bare(mailbox string) string {
	_, address, err := templates.Address(mailbox)
	if err != nil {
		return mailbox
	}
	return address
}

// accountFailed pauses the account. No mail burns an attempt. That the agent
// stops or has another setup is nobody's failure.
func (w *worker) accountFailed(ctx context.Context, err error) {
	w.hangUp()
	if ctx.Err() != nil || w.ended() {
		return
	}
	failure := asFailure(err)
	p := w.courier.pause(w.account, failure, time.Now())
	level := slog.LevelWarn
	if failure.Class == smtp.AuthBroken || failure.Class == smtp.TLSBroken {
		level = slog.LevelError // somebody must act
	}
	w.log.Log(ctx, level, "mail server paused, its mail waits",
		"until", p.Until.Format(time.RFC3339), "failures", p.Failures, "err", err)
}

func asFailure(err error) *smtp.Failure {
	if f, ok := errors.AsType[*smtp.Failure](err); ok {
		return f
	}
	return &smtp.Failure{Scope: smtp.Account, Err: err}
}
