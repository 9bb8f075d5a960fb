package mx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tocsin/notify/provider"
	"tocsin/notify/smtp"
	"tocsin/notify/transport"
)

// patience bounds how long the servers of a domain are looked for and tried
// until one of them listens. What it then takes is up to the conversation.
const patience = 2 * time.Minute

// errDomains is for recipients whose mail does not go to one place.
var errDomains = errors.New("recipients of several domains in one transaction")

// Session delivers one mail after the other, each to the servers of its
// recipients' domain. It keeps no connection. It is for one goroutine at a time.
type Session struct {
	// Server says how: Hello, Source, Timeout, DotTimeout, Roots, the Port, which
	// is 25 in the world, and TLS, TLSOpportunistic or TLSStartTLS. A login is
	// never sent.
	Server   smtp.Server
	Resolver Resolver
	// Trace is told of the conversation with each server; may be nil.
	Trace func(smtp.Server) smtp.Trace
	// IsOwn says which addresses are this machine; nil means Own.
	IsOwn func(netip.Addr) bool
}

// Reusable is always true: nothing is kept open.
func (*Session) Reusable() bool { return true }

// Close does nothing.
func (*Session) Close() error { return nil }

// Send delivers a message to recipients of one domain. An error is a
// *smtp.Failure with the scope Message or Recipient: nothing that one domain
// does says anything about another one's mail.
func (s *Session) Send(ctx context.Context, e smtp.Envelope, data []byte) (smtp.Result, error) {
	result := smtp.Result{Recipients: make([]smtp.Verdict, len(e.To))}
	var domain string
	for i, address := range e.To {
		result.Recipients[i] = smtp.Verdict{Address: address, Phase: smtp.PhaseResolve}
		if i > 0 && transport.Domain(address) != domain {
			return result, &smtp.Failure{Scope: smtp.Message, Phase: smtp.PhaseResolve, Err: errDomains}
		}
		domain = transport.Domain(address)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	hosts, err := s.route(limited, domain)
	if err != nil {
		f := &smtp.Failure{Scope: smtp.Message, Phase: smtp.PhaseResolve, Err: err}
		if permanent(err) {
			f.Class = smtp.Permanent
			for i := range result.Recipients {
				result.Recipients[i].Status = smtp.Refused
			}
		}
		return result, f
	}
	var first error
	for _, h := range hosts {
		if limited.Err() != nil {
			break
		}
		r, err := s.deliver(ctx, limited, h, e, data)
		f, failed := errors.AsType[*smtp.Failure](err)
		if !failed || f.Scope != smtp.Account {
			return r, err
		}
		failure := ofMessage(f, h)
		if f.Ambiguous { // it may have it: no other server gets it now
			return r, failure
		}
		result, first = r, cmp.Or(first, error(failure))
	}
	return result, cmp.Or(first, error(&smtp.Failure{Scope: smtp.Message, Phase: smtp.PhaseConnect, Err: context.DeadlineExceeded}))
}

// ofMessage makes the failure of a server one of the message: the next one may
// take it, or this one later.
func ofMessage(f *smtp.Failure, h host) *smtp.Failure {
	own := *f
	own.Scope, own.Class = smtp.Message, smtp.Transient
	own.Pause = provider.Pause{}
	own.Err = fmt.Errorf("mail server %s (%s)", h.name, h.address)
	if f.Err != nil {
		own.Err = fmt.Errorf("%w: %w", own.Err, f.Err)
	}
	return &own
}

// deliver gives the message to one server. TLS that fails is as good as none,
// unless it must be verified (RFC 7435).
func (s *Session) deliver(ctx, dialing context.Context, h host, e smtp.Envelope, data []byte) (smtp.Result, error) {
	server := smtp.Server{
		Name: s.Server.Name, Provider: s.Server.Provider, Host: h.name, Address: h.address.String(), Port: s.Server.Port,
		TLS: s.Server.TLS, Roots: s.Server.Roots, Hello: s.Server.Hello, Source: s.Server.Source,
		Timeout: s.Server.Timeout, DotTimeout: s.Server.DotTimeout,
	}
	if server.TLS != smtp.TLSStartTLS {
		server.TLS = smtp.TLSOpportunistic
	}
	session, err := s.dial(dialing, server)
	if f, ok := errors.AsType[*smtp.Failure](err); ok && server.TLS == smtp.TLSOpportunistic && (f.Class == smtp.TLSBroken || f.Phase == smtp.PhaseTLS) {
		server.TLS = smtp.TLSNone
		session, err = s.dial(dialing, server)
	}
	if err != nil {
		return deferred(e), err
	}
	defer func() { _ = session.Close() }() // nothing depends on a QUIT
	return session.Send(ctx, e, data)
}

func (s *Session) dial(ctx context.Context, server smtp.Server) (*smtp.Session, error) {
	var trace smtp.Trace
	if s.Trace != nil {
		trace = s.Trace(server)
	}
	return smtp.Dial(ctx, server, trace)
}

// deferred is the result of a message that nobody was asked to take.
func deferred(e smtp.Envelope) smtp.Result {
	var r smtp.Result
	for _, address := range e.To {
		r.Recipients = append(r.Recipients, smtp.Verdict{Address: address, Phase: smtp.PhaseConnect})
	}
	return r
}

func (s *Session) mine(address netip.Addr) bool {
	if s.IsOwn != nil {
		return s.IsOwn(address)
	}
	return Own(address)
}
