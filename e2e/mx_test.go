//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"testing"
)

// mx is a real mail server on loopback, with all it has in one directory: it
// takes mail over TLS from who logs in, for ops and dev at example.org, and
// sends nothing anywhere.
type mx struct {
	submission, smtps int             // ports on loopback: STARTTLS, implicit TLS
	ca                []byte          // PEM
	boxes             string          // directory with a maildir for each person
	read              map[string]bool // files that next has returned
}

// mailServer is one of the real mail servers that every mail goes through.
type mailServer struct {
	name       string
	start      func(context.Context, *testing.T) *mx
	mechanisms []string // of AUTH, as the rule file has them
	unknown    string   // part of its answer to a recipient that it has not
}

func mailServers() []mailServer {
	return []mailServer{
		{"postfix", startPostfixMX, []string{"plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"}, "550 5.1.1"},
		{"exim", startExim, []string{"plain", "login", "cram-md5"}, "550 no such mailbox here"},
		{"opensmtpd", startOpenSMTPD, []string{"plain", "login"}, "524 5.2.4 Mailing list expansion problem"},
	}
}

func startPostfixMX(ctx context.Context, t *testing.T) *mx {
	t.Helper()
	p := startPostfix(ctx, t)
	return &mx{submission: p.submission, smtps: p.smtps, ca: p.ca, boxes: filepath.Join(p.dir, "mail"), read: make(map[string]bool)}
}

// next waits for a mail to a person that was not read before.
func (m *mx) next(ctx context.Context, t *testing.T, person string) []byte {
	t.Helper()
	var found string
	poll(ctx, t, "a mail to "+person, func() bool {
		files, _ := filepath.Glob(filepath.Join(m.boxes, person, "new", "*"))
		for _, file := range files {
			if !m.read[file] {
				found = file
				return true
			}
		}
		return false
	})
	m.read[found] = true
	return []byte(readFile(t, found))
}
