package smtp

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// ErrFingerprint is for a server whose key is not the pinned one.
var ErrFingerprint = errors.New("the server's key is not the pinned one")

// ParseFingerprint reads a Server.Fingerprint: 64 hex digits, with colons or
// without.
func ParseFingerprint(text string) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(raw) != len(sum) {
		return sum, fmt.Errorf("parse fingerprint: %q is not 64 hex digits (SHA-256)", clip(text, 128))
	}
	return [sha256.Size]byte(raw), nil
}

// Fingerprint is the SHA-256 of a certificate's SubjectPublicKeyInfo in hex,
// as Server.Fingerprint has it. It stays when a certificate is renewed with
// the same key.
func Fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// tlsConfig is for one connection: no sessions are resumed, so that every
// connection verifies the certificate anew.
func (s Server) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Host, RootCAs: s.Roots}
	if s.TLS == TLSOpportunistic {
		config.InsecureSkipVerify = true // RFC 7435: what is not verified is still better than in clear
		return config, nil
	}
	if s.Fingerprint == "" {
		return config, nil
	}
	pinned, err := ParseFingerprint(s.Fingerprint)
	if err != nil {
		return nil, err
	}
	config.InsecureSkipVerify = true // the key is compared below, which is stricter
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return ErrFingerprint
		}
		leaf := state.PeerCertificates[0]
		sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
		if subtle.ConstantTimeCompare(sum[:], pinned[:]) != 1 {
			return fmt.Errorf("%w: it has the fingerprint %s", ErrFingerprint, Fingerprint(leaf))
		}
		return nil
	}
	return config, nil
}

// secure puts TLS on the wire. What was read before is forgotten.
func (s *Session) secure(ctx context.Context, phase Phase) error {
	config, err := s.server.tlsConfig()
	if err != nil {
		return s.tlsFailure(ctx, phase, err)
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		s.asked = true // many only ask
		return new(tls.Certificate), nil
	}
	began := time.Now()
	conn := tls.Client(s.raw, config)
	if err := s.raw.SetDeadline(began.Add(s.server.timeout())); err != nil {
		return s.tlsFailure(ctx, phase, err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		f := s.tlsFailure(ctx, phase, s.explain(err))
		s.step(PhaseTLS, began, f.Error())
		return f
	}
	s.conn, s.r = conn, bufio.NewReader(conn)
	if s.trace != nil {
		s.describe(conn.ConnectionState(), began)
	}
	return nil
}

// maxNames bounds how many names of a certificate are shown.
const maxNames = 5

// describe tells the trace of TLS, the certificate, and the key, which can be
// pinned.
func (s *Session) describe(state tls.ConnectionState, began time.Time) {
	s.step(PhaseTLS, began, tls.VersionName(state.Version)+", "+tls.CipherSuiteName(state.CipherSuite))
	leaf, now := state.PeerCertificates[0], time.Now()
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > maxNames {
		names = append(names[:maxNames], fmt.Sprintf("and %d more", len(names)-maxNames))
	}
	matched := "which does not name " + s.server.Host
	if leaf.VerifyHostname(s.server.Host) == nil {
		matched = "which names " + s.server.Host
	}
	days := int(leaf.NotAfter.Sub(now).Hours() / 24)
	s.step(PhaseTLS, now, fmt.Sprintf("certificate %s for %s, %s", leaf.Subject, strings.Join(names, ", "), matched))
	s.step(PhaseTLS, now, fmt.Sprintf("issued by %s, until %s (%d days)", leaf.Issuer, leaf.NotAfter.UTC().Format(time.DateOnly), days))
	s.step(PhaseTLS, now, fmt.Sprintf("its key can be pinned: fingerprint = %q", Fingerprint(leaf)))
}

// tlsFailure is a wire failure that says TLSBroken unless the network or the
// caller ended it.
func (s *Session) tlsFailure(ctx context.Context, phase Phase, err error) *Failure {
	f := s.fail(ctx, phase, err)
	if !network(err) && ctx.Err() == nil {
		f.Class = TLSBroken
	}
	return f
}

// alert reports whether the other side has ended TLS with an alert. With TLS 1.3
// the one that a client certificate is missing comes after the handshake.
func alert(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error"
}

// network reports whether err is about the connection rather than about what
// went over it.
func network(err error) bool {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	_, system := errors.AsType[*os.SyscallError](err)
	return system || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// explain says what a handshake's error means for the rule file.
func (s *Session) explain(err error) error {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if s.server.TLS != TLSImplicit {
			return fmt.Errorf("%w: %w", ErrInjected, err)
		}
		if strings.HasPrefix(string(record.RecordHeader[:]), "220") || strings.HasPrefix(string(record.RecordHeader[:]), "421") {
			return fmt.Errorf("the server speaks plain SMTP on this port: set tls = \"starttls\": %w", err)
		}
		return fmt.Errorf("the server does not speak TLS on this port: %w", err)
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok &&
		len(verification.UnverifiedCertificates) > 0 {
		return fmt.Errorf("verify certificate: %w (the fingerprint of its key is %s)",
			verification.Err, Fingerprint(verification.UnverifiedCertificates[0]))
	}
	return err
}
