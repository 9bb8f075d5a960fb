package templates

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"
)

// The limits of header fields that people add.
const (
	maxHeaders     = 50
	maxHeaderName  = 64
	maxHeaderValue = 998
	maxSubject     = 240
)

// Check says what is wrong with a header field that a person wants to add:
// its name must be one (RFC 5322 3.6.8) and not one that Tocsin or the mail
// servers write themselves, its value one line. The error wraps ErrEnvelope.
func (h Header) Check() error {
	if h.Name == "" || len(h.Name) > maxHeaderName || strings.Trim(h.Name, letterDigitHyphen+"_") != "" {
		return fmt.Errorf("%w: header %q: a name has 1 to %d letters, digits, - and _",
			ErrEnvelope, cut(h.Name, maxHeaderName), maxHeaderName)
	}
	if reserved(h.Name) {
		return fmt.Errorf("%w: header %q is written by tocsin or by mail servers", ErrEnvelope, h.Name)
	}
	if len(h.Value) > maxHeaderValue {
		return fmt.Errorf("%w: header %q: the value is longer than %d bytes", ErrEnvelope, h.Name, maxHeaderValue)
	}
	if h.Value != visible(h.Value, oneLine) {
		return fmt.Errorf("%w: header %q: the value holds a line end, a control character or bytes that are not UTF-8",
			ErrEnvelope, h.Name)
	}
	return nil
}

func reserved(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references",
		"subject", "return-path", "received", "mime-version", "auto-submitted", "x-auto-response-suppress",
		"x-priority", "importance", "dkim-signature", "disposition-notification-to", "user-agent", "x-mailer",
		"envelopefrom":
		return true
	}
	for _, prefix := range []string{"content-", "resent-", "arc-", "x-tocsin-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func checkHeaders(headers []Header) error {
	if len(headers) > maxHeaders {
		return fmt.Errorf("%w: %d headers, at most %d", ErrEnvelope, len(headers), maxHeaders)
	}
	seen := make(map[string]bool, len(headers))
	for _, h := range headers {
		if err := h.Check(); err != nil {
			return err
		}
		key := strings.ToLower(h.Name)
		if seen[key] {
			return fmt.Errorf("%w: header %q is there twice", ErrEnvelope, h.Name)
		}
		seen[key] = true
	}
	return nil
}

// longestWord is how long a word of a header may be without being encoded, so
// that folding at blanks keeps every line short.
const longestWord = 60

// headerText makes a header's value of a text, in ASCII and in words of at
// most 75 octets. go-mail folds at blanks and encodes only what is not ASCII;
// it would leave a long word over 998 octets, lose runs of blanks at a fold,
// and let a text that looks like an encoded word be decoded into something
// else. All of these are encoded here (RFC 2047).
func headerText(text string) string {
	text = visible(text, oneLine)
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return mime.BEncoding.Encode("utf-8", text)
	}
	if plain(text) {
		return text
	}
	var words []string
	for len(text) > 0 {
		n := min(len(text), 45)
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, " ")
}

func plain(text string) bool {
	if strings.Contains(text, "=?") || strings.Contains(text, "  ") || strings.Trim(text, " ") != text {
		return false
	}
	for word := range strings.SplitSeq(text, " ") {
		if len(word) > longestWord {
			return false
		}
	}
	return true
}
