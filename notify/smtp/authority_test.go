package smtp_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"tocsin/notify/smtp"
)

// authority is a CA made for one test.
type authority struct {
	t     *testing.T
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, roots: x509.NewCertPool()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = sign(t, template, template, a.key, a.key)
	a.roots.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a server's certificate; change makes it a bad one.
func (a *authority) issue(change func(*x509.Certificate)) *tls.Config {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	cert := sign(a.t, template, a.cert, key, a.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}}}
}

// serve runs a conversation for each connection on loopback, one at a time.
// Stop ends it, which the test does anyway.
func serve(t *testing.T, talk func(net.Conn)) (port int, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			talk(conn)
			conn.Close()
		}
	}()
	stop = func() {
		listener.Close()
		<-done
	}
	t.Cleanup(stop)
	return listener.Addr().(*net.TCPAddr).Port, stop
}

// serveScript plays a script on each connection. The line "TLS" makes the rest of
// it encrypted. What is not played to its end is no error: a client that does
// not trust the server hangs up. Said stops the server and returns what the
// clients said at each "C" of the script.
func serveScript(t *testing.T, config *tls.Config, script []string) (port int, said func() []string) {
	t.Helper()
	var lines []string
	port, stop := serve(t, func(conn net.Conn) {
		before, after := script, []string(nil)
		if i := slices.Index(script, "TLS"); i >= 0 {
			before, after = script[:i], script[i+1:]
		}
		lines = append(lines, record(conn, before)...)
		if after != nil {
			lines = append(lines, record(tls.Server(conn, config), after)...)
		}
	})
	return port, func() []string {
		stop()
		return lines
	}
}

// record plays a script and returns what the client says, to the end.
func record(conn net.Conn, script []string) (said []string) {
	r := bufio.NewReader(conn)
	for _, step := range script {
		if step == "C" {
			line, err := r.ReadString('\n')
			if err != nil {
				return said
			}
			said = append(said, line)
			continue
		}
		if playLine(conn, r, step) != nil {
			return said
		}
	}
	return said
}

func local(port int, mode smtp.TLSMode, roots *x509.CertPool) smtp.Server {
	return smtp.Server{
		Host: "localhost", Port: port, TLS: mode, Roots: roots, Hello: "web-1.example.com",
		Username: "alice", Password: smtp.NewSecret("opensesame"), Timeout: 5 * time.Second,
	}
}
