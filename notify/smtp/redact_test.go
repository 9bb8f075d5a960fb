package smtp_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tocsin/notify/smtp"
)

// lower writes the digits of escapes in lower case.
func lower(s string) string {
	for _, hex := range []string{"2F", "2B", "3D", "3F", "C3", "BC"} {
		s = strings.ReplaceAll(s, "%"+hex, "%"+strings.ToLower(hex))
	}
	return s
}

// everything writes every byte as an escape.
func everything(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// TestRedactWhatIsEncoded: some servers encode what they repeat.
func TestRedactWhatIsEncoded(t *testing.T) {
	std := base64.StdEncoding.EncodeToString
	for _, secret := range []string{"1//0gü+x/y?=z w0rd!", "opensesame", "plain-old-secret~~~>>>???"} {
		forms := map[string]string{
			"as it is": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"lower query": lower(url.QueryEscape(secret)), "lower path": lower(url.PathEscape(secret)), "every byte": everything(secret),
			"base64": std([]byte(secret)), "raw": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			"base64url": base64.URLEncoding.EncodeToString([]byte(secret)),
			"PLAIN":     std([]byte("\x00alice\x00" + secret)), "with an identity": std([]byte("bob\x00alice\x00" + secret)),
			"basic": std([]byte("app:" + secret)), "shifted": std([]byte("x" + secret + "y")), "shifted more": std([]byte("xy" + secret + "yz")),
			"escaped base64": url.QueryEscape(std([]byte(secret + "?"))),
		}
		for name, form := range forms {
			for _, around := range []string{"what is %s now", "token=%s&x=1", "(%s)", "%s"} {
				text := strings.Replace(around, "%s", form, 1)
				want := strings.Replace(around, "%s", "[redacted]", 1)
				if got := smtp.Redact(text, 1000, smtp.NewSecret("another secret"), smtp.NewSecret(secret)); got != want {
					t.Errorf("%s: got %q of %q, want %q", name, got, text, want)
				}
			}
		}
	}
}

// TestRedactPieces: a server may cut what it repeats.
func TestRedactPieces(t *testing.T) {
	const secret = "1//0gAbCdEfGhIjK+lMnOpQr/sTuVw"
	escaped, encoded := url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))
	for _, piece := range []string{secret[:12], escaped[:14], escaped[:len(escaped)-9], encoded[:20], encoded[7:30], encoded[len(encoded)-12:]} {
		if got := smtp.Redact("what is "+piece+" now", 1000, smtp.NewSecret(secret)); got != "what is [redacted] now" {
			t.Errorf("got %q of %q", got, piece)
		}
	}
}

// TestPlainOfAShortPassword is known as a whole and in pieces; the name alone is
// no secret.
func TestPlainOfAShortPassword(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alice@example.com\x00abc"))
	for text, want := range map[string]string{
		plain: "[redacted]", "what is " + plain[:20] + "?": "what is [redacted]?", "no alice@example.com here": "no alice@example.com here",
	} {
		if got := smtp.HideLogin(text, "alice@example.com", "abc"); got != want {
			t.Errorf("got %q of %q", got, text)
		}
	}
	if got := smtp.HideLogin(plain, "alice@example.com", ""); got != plain {
		t.Errorf("got %q without a password", got)
	}
}

// TestRedactLeavesTheRest: a text without a secret stays as it is.
func TestRedactLeavesTheRest(t *testing.T) {
	for _, text := range []string{
		"535 5.7.8 Username and Password not accepted. Learn more at https://support.example.com/mail/?p=Bad%20Credentials+x - gsmtp",
		"100% of 50%x and %zz and 7%2", "dGhpcyBpcyBub3QgaXQ= eA", "a-b_c/d+e=f",
	} {
		if got := smtp.Redact(text, 1000, smtp.NewSecret("canary-Pass w0rd!"), smtp.NewSecret("abc"), smtp.Secret{}); got != text {
			t.Errorf("got %q\nof  %q", got, text)
		}
	}
	if got := smtp.Redact("YWJj, not xYWJj", 1000, smtp.NewSecret("abc")); got != "[redacted], not xYWJj" {
		t.Errorf("got %q", got)
	}
}

// TestRedactLooksAtSoMuch: an answer may be large, and nothing unlooked-at is shown.
func TestRedactLooksAtSoMuch(t *testing.T) {
	secret := strings.Repeat("s", 1<<10)
	got := smtp.Redact(strings.Repeat(secret, 64)+" and more", 100, smtp.NewSecret(secret))
	if got != "[redacted]" {
		t.Errorf("got %q", got)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("a %41+b YWJj", "secret %2F+w0rd", uint8(1))
	f.Fuzz(func(t *testing.T, text, secret string, n uint8) {
		if len(secret) < 8 || strings.Contains(secret, "redacted") {
			return
		}
		shift := strings.Repeat("x", int(n%3))
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(shift + secret))} {
			got := smtp.Redact(text+" "+form+" "+text, 1<<20, smtp.NewSecret(secret))
			if !strings.Contains(got, "[redacted]") || strings.Contains(got, form) {
				t.Errorf("got %q of %q", got, form)
			}
		}
	})
}
