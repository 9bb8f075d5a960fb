package pickup

import (
	"bytes"
	"fmt"
)

// wrap is a mail that carries the message as an attachment, byte for byte but
// for its blind recipients. What its header says, as far as it can be read,
// stands in the header of the wrapper, so that it is found and answered like
// the original.
func (r *rewriter) wrap(m message, reason error) message {
	var kept header
	for _, f := range r.header(m.header) {
		switch class(f.name) {
		case parameters:
			continue
		case unstructured:
			if !f.is("Subject") && !f.is("X-Original-From") {
				continue
			}
		case structured:
			if f.is("MIME-Version") || f.is("Content-Transfer-Encoding") || f.is("DKIM-Signature") {
				continue
			}
		}
		cleaned, err := f.clean()
		if err != nil || len(cleaned.value) > maxHeader/16 {
			continue // it is in the attachment
		}
		kept = append(kept, cleaned)
	}
	for _, name := range []string{"Date", "From", "Message-ID", "To"} {
		if !kept.has(name) {
			kept = r.complete(kept, present(kept), "")
			break
		}
	}
	boundary := "tocsin-" + r.id
	kept = append(kept, field{"Content-Type", " multipart/mixed; boundary=\"" + boundary + "\""})
	var b bytes.Buffer
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary)
	fmt.Fprintf(&b, "The mail of %s on %s %v.\r\nIt is attached as it was, in the file message.eml.\r\n", ascii(printable(r.who.user())), r.Host, reason)
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: application/octet-stream; name=\"message.eml\"\r\n", boundary)
	b.WriteString("Content-Disposition: attachment; filename=\"message.eml\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	b.Write(base64Lines(withoutBcc(r.drop.Message)))
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	return message{header: kept, body: b.Bytes()}
}

// present says which fields a header has.
func present(h header) map[string]bool {
	seen := map[string]bool{}
	for _, name := range []string{"from", "to", "cc", "date", "message-id", "reply-to"} {
		seen[name] = h.has(name)
	}
	return seen
}

// withoutBcc cuts the blind recipients out of a message's header, and those of
// its envelope on a Windows server, and nothing else.
func withoutBcc(data []byte) []byte {
	out := make([]byte, 0, len(data))
	hidden := false
	for rest := data; len(rest) > 0; {
		line := firstLine(rest)
		if isBlank(line) {
			return append(out, rest...)
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _ := fieldName(line)
			f := field{name: name}
			hidden = f.is("Bcc") || f.is("Resent-Bcc") || f.is("X-Receiver")
			if name == "" && len(rest) != len(data) {
				return append(out, rest...)
			}
		}
		if !hidden {
			out = append(out, line...)
		}
		rest = rest[len(line):]
	}
	return out
}
