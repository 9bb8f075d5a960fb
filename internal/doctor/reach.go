package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// reachLimit is how long a mail server may take to be found and to answer.
const reachLimit = 5 * time.Second

// Reach says whether a mail server's name is known and its port open. Those are
// what networks forbid.
func Reach(ctx context.Context, name, host string, port int) Finding {
	about := "mail server " + name
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	if net.ParseIP(host) == nil {
		if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
			if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
				return wrong(about, "look for a typing error in its host, and at /etc/resolv.conf", "there is no host %s, as far as this machine can look it up", host)
			}
			return wrong(about, "look at /etc/resolv.conf: resolvectl query "+host, "the name %s cannot be looked up: %v", host, err)
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		_ = conn.Close()
		return fine(about, "%s port %d answers", host, port)
	case errors.Is(err, syscall.ECONNREFUSED):
		return wrong(about, "look at its port: 465 is TLS from the start, 587 STARTTLS", "%s takes no connection at port %d", host, port)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return wrong(about, blockedFix(port), "%s does not answer at port %d within %s: a firewall, or the provider of this machine, lets nothing through", host, port, reachLimit)
	default:
		return wrong(about, blockedFix(port), "%s port %d cannot be reached: %v", host, port, root(err))
	}
}

// blockedFix names the ports that are open more often.
func blockedFix(port int) string {
	var others []string
	for _, p := range []int{465, 587, 2525} {
		if p != port {
			others = append(others, strconv.Itoa(p))
		}
	}
	text := fmt.Sprintf("try port %s if the mail provider has them, or ask that %d be opened", strings.Join(others, " or "), port)
	if port == 25 {
		text += "; many clouds never let 25 out"
	}
	return text
}

// root is the innermost error.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
