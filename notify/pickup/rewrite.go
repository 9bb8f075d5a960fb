package pickup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/notify/transport"
)

// maxHops is how many Received fields a message may have (RFC 5321 6.3).
const maxHops = 15

// ErrLoop says that a message has been here before.
var ErrLoop = errors.New("mail loop")

// ErrNobody says that a message has no recipient, and that there is nobody for
// mail without one.
var ErrNobody = errors.New("nobody to send to")

// Config is what the pickup works by. The zero value takes nothing in.
type Config struct {
	// Dir is the drop directory; empty means none.
	Dir string
	// MaxSize is the largest message in bytes.
	MaxSize int64
	// MessagesPerHour is how many messages of one user are taken in an hour.
	// Root, whose programs watch the machine, may send ten times that.
	MessagesPerHour int
	// KeepFrom leaves the author of a message as it is.
	KeepFrom bool
	// Masquerade is the domain that authors of this machine are given in place
	// of their own; empty means that they become From.
	Masquerade string
	Aliases    Aliases
	// Domains splits a message whose recipients have routes of their own.
	Domains transport.Table
	// Host is the name of this machine.
	Host string
	// From is the mailbox that mail is sent from, Own the addresses that a
	// program may use as its author.
	From string
	Own  []string
	// Fallback lists who gets what has no other recipient.
	Fallback []string
}

// Sender is the user who dropped a message: the owner of its file.
type Sender struct {
	UID  uint32
	Name string // may be empty
	// Trusted says that it is root or the agent, who may write as the agent does:
	// with any display name.
	Trusted bool
}

// user is the sender's name, or number.
func (s Sender) user() string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprintf("user %d", s.UID)
}

// Outgoing is a message that is fit for the spool.
type Outgoing struct {
	From       string // of the envelope
	Recipients []string
	Data       []byte
	// Wrapped says why the message goes as an attachment; nil when it goes as
	// it is.
	Wrapped error
}

// Rewrite makes a dropped message fit for an authenticated account. It is
// pure. The author becomes an address of the account, with the one that was
// given kept in X-Original-From and, where one can answer to it, in Reply-To;
// local recipients become addresses; what a mail must have and this one lacks
// is added; Bcc is honored and removed. A message that cannot go as it is goes
// as an attachment of one that can. id names the message for ever.
//
// The error is ErrLoop or ErrNobody.
func Rewrite(d Drop, who Sender, id string, c Config, now time.Time) (Outgoing, error) {
	m, broken := parseMessage(d.Message)
	if len(d.To) == 0 {
		d.From, m.header = senderField(m.header)
		d.To, m.header = given(m.header)
	}
	if err := looping(m.header, c.Host); err != nil {
		return Outgoing{}, err
	}
	r := rewriter{Config: c, drop: d, who: who, id: id, now: now}
	if err := r.author(m.header); err != nil {
		return Outgoing{}, err
	}
	out := Outgoing{From: r.from, Recipients: c.resolve(d.To), Wrapped: broken}
	if len(out.Recipients) == 0 {
		return Outgoing{}, ErrNobody
	}
	r.recipients = out.Recipients
	if broken == nil {
		whole := m
		whole.header = r.header(m.header)
		if whole, out.Wrapped = new(encoder).encode(whole, 0); out.Wrapped == nil {
			out.Data = render(whole)
			return out, nil
		}
	}
	out.Data = render(r.wrap(m, out.Wrapped))
	return out, nil
}

func render(m message) []byte {
	if m.header.has("Content-Type") || m.header.has("Content-Transfer-Encoding") {
		m.header = m.header.set("MIME-Version", "1.0")
	}
	var b bytes.Buffer
	m.write(&b)
	if !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("\r\n") // a mail ends with a line end (RFC 5321 4.1.1.4)
	}
	return b.Bytes()
}

// The first fields of a file for the pickup directory of a Windows server are
// its envelope, X-Sender and then X-Receiver; they are no part of the message.
func senderField(h header) (string, header) {
	if len(h) == 0 || !h[0].is("X-Sender") {
		return "", h
	}
	if list, err := ParseList(h[0].text()); err == nil && len(list) == 1 {
		return list[0].Address, h[1:]
	}
	return "", h[1:]
}

// given are the recipients that the header of a dropped file names.
func given(h header) ([]string, header) {
	var receivers []string
	for len(h) > 0 && h[0].is("X-Receiver") {
		receivers = append(receivers, h[0].text())
		h = h[1:]
	}
	if len(receivers) == 0 {
		receivers = recipientFields(h)
	}
	var addresses []string
	for _, text := range receivers {
		list, err := ParseList(text)
		for _, m := range list {
			addresses = append(addresses, m.Address)
		}
		if err != nil {
			addresses = append(addresses, "") // who it was meant for is not known: nobody's mail
		}
	}
	if len(addresses) == 0 || len(addresses) > MaxRecipients {
		addresses = []string{""}
	}
	return addresses, h
}

// recipientFields are the texts of the fields that name recipients. A message
// that is sent again names them in fields of their own (RFC 5322 3.6.6).
func recipientFields(h header) []string {
	if resent := h.all("Resent-To", "Resent-Cc", "Resent-Bcc"); len(resent) > 0 {
		return resent
	}
	return h.all("To", "Cc", "Bcc")
}

// Recipients lists the recipients that the header of a message names, for
// sendmail -t. The error wraps ErrAddress and names what is none.
func Recipients(data []byte) ([]string, error) {
	m, err := parseMessage(data)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, text := range recipientFields(m.header) {
		list, err := ParseList(text)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			addresses = append(addresses, m.Address)
		}
	}
	return addresses, nil
}

// looping says whether a message goes in circles: it was on too many hosts, or
// a program's own mail comes back to where it was sent.
func looping(h header, host string) error {
	received := h.all("Received")
	if len(received) > maxHops {
		return fmt.Errorf("%w: it has %d Received fields, at most %d", ErrLoop, len(received), maxHops)
	}
	automatic := h.get("Auto-Submitted")
	if automatic == "" || strings.EqualFold(automatic, "no") {
		return nil
	}
	for _, text := range received {
		if strings.HasPrefix(text, "by "+host+" (Tocsin,") {
			return fmt.Errorf("%w: a mail that a program made (Auto-Submitted: %s) has come back", ErrLoop, shown(ascii(automatic)))
		}
	}
	return nil
}

// rewriter is what the new header is made of.
type rewriter struct {
	Config
	drop       Drop
	who        Sender
	id         string
	now        time.Time
	from       string // bare
	masked     bool   // from is the author's own, in the domain of Masquerade
	recipients []string
}

// agentsOwn is how the fields begin by which people filter the agent's own mail:
// no user's mail passes for an alert there.
const agentsOwn = "x-tocsin-"

// header is the header of the mail that goes out.
func (r *rewriter) header(h header) header {
	out := header{{"Received", fmt.Sprintf(" by %s (Tocsin, from userid %d)\r\n\tid %s; %s", r.Host, r.who.UID, r.id, r.date())}}
	seen := map[string]bool{}
	var author string
	for _, f := range h {
		name := strings.ToLower(f.name)
		switch name {
		case "bcc", "resent-bcc", "return-path":
			continue
		case "from", "sender", "date", "message-id", "subject", "to", "cc", "reply-to", "in-reply-to", "references", "mime-version", "content-type",
			"content-transfer-encoding":
			// Once each (RFC 5322 3.6); some providers refuse a second one.
			if seen[name] {
				f.name = "X-Original-" + f.name
				out = append(out, f)
				continue
			}
			seen[name] = true
		}
		if strings.HasPrefix(name, agentsOwn) && !r.who.Trusted {
			f.name = "X-Original-" + f.name
		}
		switch name {
		case "from":
			author = f.text()
			out = append(out, r.authorFields(f)...)
		case "sender":
			if !r.KeepFrom {
				f.name = "X-Original-Sender"
			}
			out = append(out, f)
		case "to", "cc", "reply-to":
			out = append(out, r.qualify(f))
		default:
			out = append(out, f)
		}
	}
	return r.complete(out, seen, author)
}

// complete adds what a mail must have, and where to answer.
func (r *rewriter) complete(h header, seen map[string]bool, author string) header {
	if !seen["from"] {
		h = append(h, r.newFrom(r.drop.Name, r.from), field{"X-Original-From", " " + ascii(printable(utf8Text(r.original())))})
	}
	if address := r.answerable(author); !seen["reply-to"] && address != "" {
		h = append(h, field{"Reply-To", " " + address})
	}
	if !seen["to"] && !seen["cc"] {
		to := "undisclosed-recipients:;"
		if len(r.recipients) == 1 {
			to = r.recipients[0]
		}
		h = append(h, field{"To", " " + to})
	}
	if !seen["date"] {
		h = append(h, field{"Date", " " + r.date()})
	}
	if !seen["message-id"] {
		h = append(h, field{"Message-ID", " <" + r.id + r.from[strings.LastIndexByte(r.from, '@'):] + ">"})
	}
	return h
}

func (r *rewriter) date() string { return r.now.Format(time.RFC1123Z) }

// qualify gives local names this host's domain: without one a field is not
// valid (RFC 5322 3.4.1), and some providers refuse it.
func (r *rewriter) qualify(f field) field {
	list, err := ParseList(f.text())
	changed, domain := false, r.Host
	if f.is("Reply-To") {
		domain = cmp.Or(r.Masquerade, domain)
	}
	for i, m := range list {
		if !strings.Contains(m.Address, "@") {
			list[i].Address, changed = m.Address+"@"+domain, true
		}
	}
	if err != nil || !changed {
		return f
	}
	text, _ := fold(len(f.name)+1, formatList(list))
	return field{f.name, text}
}
