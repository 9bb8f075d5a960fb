package smtp_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net"
	"strings"
	"testing"

	"tocsin/notify/smtp"
)

// authServer is the server's side of every mechanism, as their RFCs have it.
type authServer struct {
	conn           *tls.Conn
	r              *bufio.Reader
	user, password string
}

func (a *authServer) say(format string, arguments ...any) {
	fmt.Fprintf(a.conn, format+"\r\n", arguments...)
}

func (a *authServer) hear() string {
	line, _ := a.r.ReadString('\n')
	return strings.TrimSuffix(line, "\r\n")
}

// ask sends a challenge and returns the answer to it.
func (a *authServer) ask(challenge string) string {
	a.say("334 %s", base64.StdEncoding.EncodeToString([]byte(challenge)))
	return decoded(a.hear())
}

func decoded(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "not base64: " + text
	}
	return string(raw)
}

// check runs one exchange and reports whether the client knows the password.
func (a *authServer) check(mechanism, initial string) bool {
	switch mechanism {
	case "PLAIN": // RFC 4616
		return decoded(initial) == "\x00"+a.user+"\x00"+a.password
	case "LOGIN":
		return a.ask("Username:") == a.user && a.ask("Password:") == a.password
	case "CRAM-MD5": // RFC 2195
		const challenge = "<1896.697170952@postoffice.example.com>"
		mac := hmac.New(md5.New, []byte(a.password))
		mac.Write([]byte(challenge))
		return a.ask(challenge) == fmt.Sprintf("%s %x", a.user, mac.Sum(nil))
	case "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS":
		return a.scram(sha1.New, strings.HasSuffix(mechanism, "-PLUS"))
	case "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
		return a.scram(sha256.New, strings.HasSuffix(mechanism, "-PLUS"))
	}
	return false
}

// scram is RFC 5802 with the channel binding of RFC 9266.
func (a *authServer) scram(h func() hash.Hash, plus bool) bool {
	const salt, iterations = "salt-and-pepper!", 4096
	header, binding := "n,,", ""
	if plus {
		state := a.conn.ConnectionState()
		header = "p=tls-exporter,,"
		if state.Version < tls.VersionTLS13 {
			header, binding = "p=tls-unique,,", string(state.TLSUnique)
		} else {
			key, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
			if err != nil {
				return false
			}
			binding = string(key)
		}
	}
	bare, ok := strings.CutPrefix(a.ask(""), header)
	user, nonce, _ := strings.Cut(bare, ",r=")
	if !ok || user != "n="+strings.NewReplacer("=", "=3D", ",", "=2C").Replace(a.user) {
		return false
	}
	nonce += "server"
	first := fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString([]byte(salt)), iterations)
	final := a.ask(first)
	without, proof, _ := strings.Cut(final, ",p=")
	if without != "c="+base64.StdEncoding.EncodeToString([]byte(header+binding))+",r="+nonce {
		return false
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	salted, err := pbkdf2.Key(h, a.password, []byte(salt), iterations, h().Size())
	if err != nil {
		return false
	}
	message := bare + "," + first + "," + without
	clientKey := mac(salted, "Client Key")
	stored := h()
	stored.Write(clientKey)
	want := mac(stored.Sum(nil), message)
	for i := range want {
		want[i] ^= clientKey[i]
	}
	if !bytes.Equal([]byte(decoded(proof)), want) {
		return false
	}
	return a.ask("v="+base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), message))) == ""
}

// serveAuth offers mechanisms until a client hangs up.
func serveAuth(t *testing.T, config *tls.Config, offers, password string) (port int, used func() string) {
	t.Helper()
	var mechanism string
	port, stop := serve(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		a := &authServer{conn: secured, r: bufio.NewReader(secured), user: "al=ice,1", password: password}
		a.say("220 ready")
		a.hear()
		a.say("250-hi\r\n250 AUTH %s", offers)
		words := strings.Fields(a.hear())
		if len(words) < 2 {
			return
		}
		mechanism = words[1]
		if a.check(mechanism, words[len(words)-1]) {
			a.say("235 2.7.0 welcome")
		} else {
			a.say("535 5.7.8 no")
		}
		a.hear()
	})
	return port, func() string {
		stop()
		return mechanism
	}
}

func TestMechanisms(t *testing.T) {
	const all = "CRAM-MD5 LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS GSSAPI"
	ca := newAuthority(t)
	modern := ca.issue(nil)
	older := &tls.Config{Certificates: modern.Certificates, MaxVersion: tls.VersionTLS12}
	for _, tt := range []struct{ auth, offers, want string }{
		{"", all, "SCRAM-SHA-256-PLUS"},
		{"auto", "CRAM-MD5 LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256", "SCRAM-SHA-256"},
		{"auto", "CRAM-MD5 LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "SCRAM-SHA-1-PLUS"},
		{"auto", "CRAM-MD5 LOGIN PLAIN SCRAM-SHA-1", "SCRAM-SHA-1"},
		{"auto", "CRAM-MD5 LOGIN PLAIN", "PLAIN"},
		{"auto", "cram-md5 login", "LOGIN"},
		{"auto", "CRAM-MD5", "CRAM-MD5"},
		{"plain", all, "PLAIN"},
		{"login", all, "LOGIN"},
		{"cram-md5", all, "CRAM-MD5"},
		{"scram-sha-1", all, "SCRAM-SHA-1"},
		{"scram-sha-1-plus", all, "SCRAM-SHA-1-PLUS"},
		{"scram-sha-256", all, "SCRAM-SHA-256"},
		{"scram-sha-256-plus", all, "SCRAM-SHA-256-PLUS"},
	} {
		for version, config := range map[string]*tls.Config{"TLS 1.2": older, "TLS 1.3": modern} {
			t.Run(tt.want+"/"+tt.auth+"/"+version, func(t *testing.T) {
				port, used := serveAuth(t, config, tt.offers, "pässword, ok?")
				server := local(port, smtp.TLSImplicit, ca.roots)
				server.Username, server.Password, server.Auth = "al=ice,1", smtp.NewSecret("pässword, ok?"), tt.auth
				s, err := smtp.Dial(t.Context(), server, nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = s.Close()
				server.Password = smtp.NewSecret("wrong")
				_, err = smtp.Dial(t.Context(), server, nil)
				if f, ok := errors.AsType[*smtp.Failure](err); !ok || f.Class != smtp.AuthBroken || f.Reply.Code != 535 {
					t.Errorf("a wrong password: got %v, want a 535", err)
				}
				if got := used(); got != tt.want {
					t.Errorf("used %s, want %s", got, tt.want)
				}
			})
		}
	}
}
