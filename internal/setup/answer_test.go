package setup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/setup"
	"tocsin/notify/provider"
)

// preset is that of a provider.
func preset(t *testing.T, name string) provider.Preset {
	t.Helper()
	p, err := setup.Provider(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBadAnswers: each answer that cannot be used, with what is said.
func TestBadAnswers(t *testing.T) {
	of := func(name string) setup.Answers { return setup.Answers{Preset: preset(t, name)} }
	at := func(name string, port int) setup.Answers { return setup.Answers{Preset: preset(t, name), Port: port} }
	port := func(a setup.Answers, text string) error { _, err := a.ReadPort(text); return err }
	to := func(texts ...string) error { _, err := setup.Recipients(texts...); return err }
	server := func(name string) error { _, err := setup.Provider(name); return err }
	const noPort = "is no port: a number from 1 to 65535, mostly 465 (TLS from the start) or 587 (STARTTLS)"
	const noUser = "is no username: one line of at most 254 bytes, without blanks around it"
	const noAddress = "is no address: it looks like you@example.com or Your Name <you@example.com>"
	for _, tt := range []struct {
		err  error
		want string
	}{
		{server("gmial"), `"gmial" is no mail provider that is known here. Did you mean "gmail"? "tocsin providers" lists them; "own" is any other server`},
		{server(""), `"" is no mail provider that is known here. "tocsin providers" lists them; "own" is any other server`},
		{server("x\x1b[31m" + strings.Repeat("y", 100)), `"x\x1b[31m` + strings.Repeat("y", 58) + `…" is no mail provider that is known here. "tocsin providers" lists them; "own" is any other server`},
		{setup.Host(""), `"" is no host: a name such as smtp.example.com, or an IP address`},
		{setup.Host("-a.example.com"), `"-a.example.com" is no host: a name such as smtp.example.com, or an IP address`},
		{setup.Host("a..example.com"), `"a..example.com" is no host: a name such as smtp.example.com, or an IP address`},
		{setup.Host("alice@example.com"), `"alice@example.com" is no host: a name such as smtp.example.com, or an IP address`},
		{setup.Host("mail.example.com:465"), `"mail.example.com:465" is a host and a port: say the host alone, the port has a question (and a flag, --port) of its own`},
		{port(of("own"), "smtps"), `"smtps" ` + noPort},
		{port(of("own"), "0"), `"0" ` + noPort},
		{port(of("own"), "65536"), `"65536" ` + noPort},
		{port(of("gmail"), "25"), `Gmail has no port 25: it has 465 and 587`},
		{port(of("icloud"), "465"), `iCloud Mail has no port 465: it has 587`},
		{of("own").CheckTLS("ssl"), `"ssl" is no kind of TLS: implicit (from the start, mostly port 465), starttls (mostly port 587) or none (a server on this machine)`},
		{of("gmail").CheckTLS("none"), `Gmail takes no mail without TLS`},
		{of("icloud").CheckTLS("implicit"), `iCloud Mail has no port for implicit: leave TLS out, it is known`},
		{at("gmail", 465).CheckTLS("starttls"), `port 465 of Gmail is not starttls: leave TLS out, it is known`},
		{of("own").CheckUsername(""), `the username is missing: mostly it is the address of the account`},
		{of("own").CheckUsername(" bob"), `" bob" ` + noUser},
		{of("own").CheckUsername("b\x00b"), `"b\x00b" ` + noUser},
		{of("own").CheckUsername(strings.Repeat("b", 255)), `"` + strings.Repeat("b", 64) + `…" ` + noUser},
		{of("163").CheckUsername("alice"), `"alice" is no username of NetEase 163 Mail: it is the whole address of the mailbox, such as you@example.com`},
		{of("gmail").CheckUsername("Alice <alice@gmail.com>"), `"Alice <alice@gmail.com>" is no username of Gmail: it is the whole address of the mailbox, such as you@example.com`},
		{setup.Address("alice"), `"alice" ` + noAddress},
		{setup.Address(""), `"" ` + noAddress},
		{to("alice@example.com,"), `"" ` + noAddress},
		{to("alice@example.com, bob"), `"bob" ` + noAddress},
		{setup.Secret(""), `the secret is empty`},
		{setup.Secret("a\nb"), `the secret has more than one line: is this the right file?`},
		{setup.Secret(strings.Repeat("x", 4097)), `the secret is longer than 4096 bytes: is this the right file?`},
		{setup.Secret("a\x07b"), `the secret holds a control character, or is no UTF-8: type or paste it again`},
		{setup.Secret("a\xffb"), `the secret holds a control character, or is no UTF-8: type or paste it again`},
		{setup.Secret("word "), `the secret begins or ends with a blank, or a sign that cannot be seen: paste it again without`},
		{setup.Secret("\ufeffword"), `the secret begins or ends with a blank, or a sign that cannot be seen: paste it again without`},
		{setup.Host("fe80::1%a\nb"), `"fe80::1%a\nb" is no host: a name such as smtp.example.com, or an IP address`},
	} {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", tt.err, tt.want)
		}
	}
}

// TestGoodAnswers: what must not be refused.
func TestGoodAnswers(t *testing.T) {
	for _, name := range append(append(provider.Names(), provider.Aliases()...), "own", "OWN", "Gmail") {
		if _, err := setup.Provider(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, host := range []string{"mail", "mail.example.com", "mail.example.com.", "192.0.2.1", "2001:db8::1", "xn--mller-kva.example"} {
		if err := setup.Host(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	zoho := setup.Answers{Preset: preset(t, "zoho"), Host: "smtp.zoho.eu"}
	if port, err := zoho.ReadPort("2525"); port != 2525 || err != nil {
		t.Errorf("another host of a provider: got %d, %v", port, err)
	}
	own := setup.Answers{Preset: preset(t, "own")}
	for _, word := range []string{"implicit", "starttls", "none"} {
		if err := own.CheckTLS(word); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, secret := range []string{"x", "abcd efgh ijkl mnop", "pässwörd", `"${a}\`} {
		if err := setup.Secret(secret); err != nil {
			t.Errorf("%q: %v", secret, err)
		}
	}
	got, err := setup.Recipients(`"Doe, John" <john@example.com>`, "a@example.com, b@example.com", "A@EXAMPLE.com")
	want := []string{`"Doe, John" <john@example.com>`, "a@example.com", "b@example.com"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v:\n%s", err, diff)
	}
}

// FuzzAnswers: no answer breaks anything, and none that is refused comes back
// with what a terminal would obey.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{"", "gmail", "465", "mail.example.com:1", "a@example.com, b", "\x1b[31m", "${x}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := setup.Answers{Preset: provider.Generic()}
		p, err := setup.Provider(text)
		_, portErr := a.ReadPort(text)
		_, toErr := setup.Recipients(text)
		if err == nil && p.Name == "" {
			t.Errorf("%q: got no provider and no error", text)
		}
		for _, err := range []error{err, portErr, toErr, setup.Host(text), a.CheckTLS(text), a.CheckUsername(text), setup.Address(text), setup.Secret(text)} {
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\r\n\x00") {
				t.Errorf("%q: got %q", text, err)
			}
		}
	})
}
