package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// transact gives one letter to the server, for the first n of a group of
// recipients, and records every recipient's verdict. It says whether the account
// is fine.
func (w *worker) transact(ctx context.Context, l spool.Letter, group []string, n int) bool {
	reused := w.sent > 0
	w.sent++
	began := time.Now()
	envelope := smtp.Envelope{From: l.Mail.From, To: group[:n]}
	result, err := w.session.Send(ctx, envelope, l.Mail.Data)
	if reused && closedIdle(result, err) {
		// The server closed the connection while it was idle. That says
		// nothing about the account: a new one is tried at once.
		w.hangUp()
		if err = w.connect(ctx); err == nil {
			w.sent++
			result, err = w.session.Send(ctx, envelope, l.Mail.Data)
		}
	}
	now := time.Now()
	failure := asFailure(err)
	account := err != nil && failure.Scope == smtp.Account
	l.Delivery = settle(l, result, err, w.account, now)
	l.Delivery.Next = resume(l, group, w.account, now)
	if account && !failure.Ambiguous {
		l.Delivery.Attempts-- // the account's fault burns no attempt
		l.Delivery.Next = time.Time{}
	}
	w.conclude(l, result, now.Sub(began), now)
	if account {
		w.accountFailed(ctx, err)
		return false
	}
	if !w.ended() {
		w.courier.succeeded(w.account.Name)
	}
	if !w.session.Reusable() {
		w.hangUp()
	}
	return true
}

// closedIdle says whether a transaction failed before the server said anything.
func closedIdle(r smtp.Result, err error) bool {
	var f *smtp.Failure
	return errors.As(err, &f) && f.Scope == smtp.Account && f.Phase == smtp.PhaseMail && f.Reply.Code == 0 && !r.Ambiguous
}

// settle is the state of a letter after an attempt. It is pure.
func settle(l spool.Letter, r smtp.Result, err error, a Account, now time.Time) spool.Delivery {
	d := l.Delivery
	failure := asFailure(err)
	refused := err != nil && failure.Scope == smtp.Message && failure.Class == smtp.Permanent
	for _, v := range r.Recipients {
		recipient := spool.Recipient{At: now, Server: a.Name}
		if v.Reply.Code != 0 { // else the server was not asked
			recipient.Reply = v.Reply.String()
		}
		switch {
		case v.Status == smtp.Accepted:
			recipient.Status = spool.Sent
		case v.Status == smtp.Refused, refused:
			recipient.Status = spool.Failed
		}
		if refused && recipient.Reply == "" {
			recipient.Reply = failure.Error()
		}
		d.Recipients[v.Address] = recipient
	}
	d.LastError = ""
	if err != nil {
		d.LastError = failure.Error()
	}
	pending := d.Pending(*l.Mail)
	for _, address := range pending {
		if reply := d.Recipients[address].Reply; d.LastError == "" && reply != "" {
			d.LastError = reply
		}
		// The account's fault gives no mail up, however old.
		if expired(l.Mail.Queued, now) && (err == nil || failure.Scope != smtp.Account) {
			d.Recipients[address] = spool.Recipient{Status: spool.Failed, Reply: expiredReply(d.LastError), At: now, Server: a.Name}
		}
	}
	d.Tried(spool.Try{At: now, Server: a.Name, Result: cmp.Or(d.LastError, "taken")})
	d.Next = now
	if tried(r, pending) || err != nil {
		d.Next = retryAt(a, d.Attempts, l.Mail.Severity == tocsin.Critical, now)
	}
	return d
}

// tried says whether one of the pending recipients was offered to the server;
// otherwise the limits alone kept them back and they go as soon as there is
// room.
func tried(r smtp.Result, pending []string) bool {
	for _, v := range r.Recipients {
		if slices.Contains(pending, v.Address) {
			return true
		}
	}
	return false
}

// conclude records or finishes a letter and then says in one line what became
// of it.
func (w *worker) conclude(l spool.Letter, r smtp.Result, took time.Duration, now time.Time) {
	d, m := l.Delivery, *l.Mail
	log := w.log.With("mail", m.ID, "events", len(m.Items), "attempt", d.Attempts, "took", took.Round(time.Millisecond).String())
	var err error
	pending := d.Pending(m)
	switch {
	case len(pending) > 0:
		log.Warn("mail deferred", "pending", len(pending), "next", d.Next.Format(time.RFC3339), "ambiguous", r.Ambiguous, "reply", d.LastError)
		if err := w.courier.Spool.Record(m.ID, d); err != nil {
			log.Error("state of a mail not saved: after a crash it may be tried again too early", "err", err)
		}
	case len(d.Refused(m)) > 0:
		w.courier.replace(m, d, now) // its items are still there
		err = w.courier.Spool.Finish(m.ID, d, now)
		if errors.Is(err, spool.ErrUnknown) {
			log.Error("mail refused, and not in badmail: its spool file is damaged", "refused", d.Refused(m), "reply", firstRefusal(m, d), "err", err)
			return
		}
		log.Error("mail refused, kept in badmail", "refused", d.Refused(m), "reply", firstRefusal(m, d))
		if w.courier.Refused != nil && err == nil {
			w.courier.Refused(m, d, now)
		}
	default:
		err = w.courier.Spool.Finish(m.ID, d, now)
		log.Info("mail sent", "recipients", len(m.Recipients), "reply", d.Recipients[m.Recipients[0]].Reply)
	}
	if err != nil {
		log.Error("what became of a mail was not saved: after a crash it may be sent once more", "err", err)
		d.Next = now.Add(putOffTime)
		_ = w.courier.Spool.Record(m.ID, d) // kept in memory at least, and finished then
	}
}

func firstRefusal(m spool.Mail, d spool.Delivery) string {
	refused := d.Refused(m)
	return fmt.Sprintf("%s: %s", refused[0], d.Recipients[refused[0]].Reply)
}

// summary is what a queue listing says of a mail.
func summary(events []tocsin.Event) string {
	if len(events) == 1 {
		e := events[0]
		return fmt.Sprintf("%s: %s %s", e.Check, e.Rule, e.Type)
	}
	return fmt.Sprintf("%d events", len(events))
}
