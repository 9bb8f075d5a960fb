package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin"
)

// Item is one thing to be told: an event or a message of somebody else. It is
// immutable from Put on.
type Item struct {
	// ID names the item for ever. Putting it twice is putting it once.
	ID       string          `json:"id"`
	Queued   time.Time       `json:"queued"`
	Severity tocsin.Severity `json:"severity"`
	Targets  []Target        `json:"targets"`
	Event    *tocsin.Event   `json:"event,omitempty"`
	// Silence is what holds the item back, if anything does.
	Silence *Silence `json:"silence,omitempty"`
	// From is the envelope sender of a raw message; empty means that of the
	// mail server's account.
	From string `json:"from,omitempty"`
	// Raw is a finished RFC 5322 message, when there is no Event. What the spool
	// lists comes without: see Spool.Raw.
	Raw []byte `json:"-"`
}

// Silence is a time in which nobody is told of an item. What it holds back goes
// in one mail at its end.
type Silence struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"` // as it was meant when the item was put
	Text  string    `json:"text"`  // for people: which one it is, whose, why
}

// Target is one notifier and the addresses it had when the item was put: what
// is in flight keeps its recipients over a reload.
type Target struct {
	Notifier  string   `json:"notifier"` // empty for a raw message
	Addresses []string `json:"addresses"`
	// Hold is how long the item waits for others, to go in one mail.
	Hold time.Duration `json:"hold,omitempty"`
	// Template names the template block that the mail is made by; empty means
	// that of the notifier.
	Template string `json:"template,omitempty"`
}

// key is equal for targets whose items can share a mail.
func (t Target) key() string {
	key := t.Notifier + "\n" + strings.Join(t.Addresses, "\n")
	if t.Template != "" {
		key += "\n\n" + t.Template
	}
	return key
}

func (i Item) keys() []string {
	keys := make([]string, len(i.Targets))
	for n, t := range i.Targets {
		keys[n] = t.key()
	}
	return keys
}

// Notifiers names those of the targets, each once, in their order.
func (i Item) Notifiers() []string {
	var names []string
	for _, t := range i.Targets {
		if t.Notifier != "" && !slices.Contains(names, t.Notifier) {
			names = append(names, t.Notifier)
		}
	}
	return names
}

// Mail is a composition: which items make up one mail, and its bytes. It is
// decided when the mail goes and frozen from then on, so that a try after an
// ambiguous answer is the same mail and no event is in two of them.
type Mail struct {
	ID         string          `json:"id"`
	Notifier   string          `json:"notifier"`
	Template   string          `json:"template,omitempty"` // of the target
	Items      []string        `json:"items"`
	Severity   tocsin.Severity `json:"severity"`
	From       string          `json:"from"` // envelope sender
	Recipients []string        `json:"recipients"`
	Subject    string          `json:"subject"` // for people who look into the queue
	Queued     time.Time       `json:"queued"`  // of the oldest item
	Composed   time.Time       `json:"composed"`
	// Alarm says that it tells of other mail that was given up: it raises no
	// alarm itself.
	Alarm bool `json:"alarm,omitempty"`
	// Message says that it is a message of another program.
	Message bool `json:"message,omitempty"`
	// Data is the bytes. The letters that the spool lists come without: see
	// Spool.Data.
	Data []byte `json:"-"`
}

// key is that of the target which the mail is for.
func (m Mail) key() string {
	return Target{Notifier: m.Notifier, Addresses: m.Recipients, Template: m.Template}.key()
}

// MailID derives the id of the mail that carries items to one target. The
// same items make the same mail, also after a crash that lost the composition.
func MailID(t Target, items []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n\n", t.key())
	for _, id := range items {
		fmt.Fprintln(h, id)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Status is how far a recipient of a mail is.
type Status string

// The statuses of a recipient. The zero value is Pending.
const (
	Pending Status = ""
	Sent    Status = "sent"
	Failed  Status = "failed"
)

// Recipient is the state of one recipient of a mail.
type Recipient struct {
	Status Status    `json:"status,omitempty"`
	Reply  string    `json:"reply,omitempty"` // the last one, made safe
	At     time.Time `json:"at,omitzero"`
	Server string    `json:"server,omitempty"`
}

// Delivery is the state of a mail. A mail without one was being tried for the
// first time when the agent ended.
type Delivery struct {
	Recipients map[string]Recipient `json:"recipients"`
	Attempts   int                  `json:"attempts"`
	Next       time.Time            `json:"next,omitzero"`
	LastError  string               `json:"last_error,omitempty"`
	// History lists the tries, the first few and the newest.
	History []Try `json:"history,omitempty"`
}

// Try is one attempt to deliver a mail.
type Try struct {
	At     time.Time `json:"at"`
	Server string    `json:"server"`
	// Result is the verdict, with the server's reply or what went wrong.
	Result string `json:"result"`
}

// The tries that are remembered.
const (
	firstTries = 5
	allTries   = 50
)

// Tried notes a try.
func (d *Delivery) Tried(t Try) {
	d.History = append(slices.Clone(d.History), t)
	if n := len(d.History); n > allTries {
		d.History = slices.Delete(d.History, firstTries, firstTries+n-allTries)
	}
}

// Pending lists the recipients without a verdict, in the order of the mail.
func (d Delivery) Pending(m Mail) []string {
	var pending []string
	for _, address := range m.Recipients {
		if d.Recipients[address].Status == Pending {
			pending = append(pending, address)
		}
	}
	return pending
}

// Refused lists the recipients that will never get the mail.
func (d Delivery) Refused(m Mail) []string {
	var refused []string
	for _, address := range m.Recipients {
		if d.Recipients[address].Status == Failed {
			refused = append(refused, address)
		}
	}
	return refused
}

// clone makes a copy that shares nothing that changes.
func (d Delivery) clone() Delivery {
	recipients := make(map[string]Recipient, len(d.Recipients)+1)
	maps.Copy(recipients, d.Recipients)
	d.Recipients = recipients
	return d
}
