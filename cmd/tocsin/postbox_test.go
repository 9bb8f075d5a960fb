package main

import (
	"context"
	"mime"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/internal/postbox"
)

// postboxKey is where a script has its mail server.
const postboxKey = "postbox"

// startPostbox starts a mail server: "postbox USERNAME PASSWORD". Its port is in
// $PORT, its certificate in ca.pem.
func startPostbox(ts *testscript.TestScript, _ bool, args []string) {
	server, err := postbox.Start(postbox.Config{Username: args[0], Password: args[1]})
	ts.Check(err)
	ts.Defer(func() { _ = server.Close() })
	ts.Setenv("PORT", strconv.Itoa(server.Port()))
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), server.CertificatePEM(), 0o600))
	box, _ := ts.Value(postboxKey).(*boxed)
	box.server = server
}

// boxed is the mail server of a script, when it has one.
type boxed struct{ server *postbox.Server }

// received waits for a mail to somebody, whose subject or text has some words:
// "received ADDRESS WORDS". Each mail is asked for once, in their order.
func received(ts *testscript.TestScript, _ bool, args []string) {
	box, _ := ts.Value(postboxKey).(*boxed)
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	for {
		select {
		case m := <-box.server.Received():
			msg, err := mail.ReadMessage(strings.NewReader(string(m.Data)))
			ts.Check(err)
			subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
			ts.Check(err)
			ts.Logf("mail to %s: %s (%s)", m.To, subject, m.At.Format(time.TimeOnly))
			if m.To[0] == args[0] && strings.Contains(subject, args[1]) {
				return
			}
		case <-ctx.Done():
			ts.Fatalf("no mail to %s about %q", args[0], args[1])
		}
	}
}
