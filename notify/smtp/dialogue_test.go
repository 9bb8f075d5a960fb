package smtp_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"tocsin/notify/smtp"
)

// TestDialogues plays testdata/*.txt. A file holds cases, each begun by
// "== name". A case is a script for play, with the lines "to: addresses" and
// "send" for what the client does, and "want: text" for what each of them
// comes to, in order: every recipient's verdict, then the error.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq("\n"+string(raw), "\n== ") {
			name, body, _ := strings.Cut(part, "\n")
			if strings.TrimSpace(name) == "" {
				continue
			}
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { dialogue(t, body) })
			})
		}
	}
}

func dialogue(t *testing.T, body string) {
	var script, want []string
	server := clear()
	server.Username = ""
	to := []string{"to@example.com"}
	mails := 1
	var tokens smtp.Tokens
	for line := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case key == "to":
			to = strings.Fields(value)
		case key == "mails":
			_, _ = fmt.Sscan(value, &mails)
		case key == "auth":
			server.Username, server.Auth = "alice", value
		case key == "token":
			server.Username, server.Port, server.OAuth = "alice", 587, smtp.Grant{ClientID: "x"}
			tokens = tokensOf{value}
		case key == "provider":
			server.Provider = value
		case key == "want":
			want = append(want, value)
		default:
			script = append(script, line)
		}
	}
	got := talk(t, tokens, server, script, to, mails)
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got:\n%s\nwant:\n%s", g, w)
	}
}

// talk runs a whole session and says what came of it.
func talk(t *testing.T, tokens smtp.Tokens, server smtp.Server, script, to []string, mails int) (lines []string) {
	s, err := smtp.Dialer{Tokens: tokens}.DialOver(t.Context(), func() net.Conn { return playOn(t, script) }, server, nil)
	if err != nil {
		return []string{failure(err)}
	}
	defer s.Close()
	for range mails {
		result, err := s.Send(t.Context(), smtp.Envelope{From: "from@example.com", To: to}, []byte(message))
		for _, v := range result.Recipients {
			line := fmt.Sprintf("%s %s at %s", v.Address, v.Status, v.Phase)
			if v.Reply.Code != 0 {
				line += ": " + v.Reply.String()
			}
			lines = append(lines, line)
		}
		if err != nil {
			lines = append(lines, failure(err))
		}
		if !s.Reusable() {
			lines = append(lines, "not reusable")
		}
	}
	return lines
}

func failure(err error) string {
	f, ok := errors.AsType[*smtp.Failure](err)
	if !ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return fmt.Sprintf("%s, %s: %v", f.Scope, f.Class, f)
}
