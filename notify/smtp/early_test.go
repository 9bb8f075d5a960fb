package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"tocsin/notify/smtp"
)

// TestAnAnswerBeforeTheDot is over real connections, whose kernel holds what
// came: the server answers the message before it has read any of it.
func TestAnAnswerBeforeTheDot(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(nil)
	for _, mode := range []smtp.TLSMode{smtp.TLSNone, smtp.TLSImplicit} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(mode, early), func(t *testing.T) {
				answered := make(chan struct{})
				port, stop := serve(t, func(conn net.Conn) {
					if mode == smtp.TLSImplicit {
						conn = tls.Server(conn, config)
					}
					r := bufio.NewReader(conn)
					fmt.Fprint(conn, "220 ready\r\n")
					for _, answer := range []string{"250 hi", "250 ok", "250 ok", "354 go on"} {
						if _, err := r.ReadString('\n'); err != nil {
							return
						}
						fmt.Fprint(conn, answer+"\r\n")
					}
					if early {
						fmt.Fprint(conn, "250 queued\r\n")
					}
					close(answered)
					for {
						line, err := r.ReadString('\n')
						if err != nil || line == "QUIT\r\n" {
							return
						}
						if line == ".\r\n" && !early {
							fmt.Fprint(conn, "250 queued\r\n")
						}
					}
				})
				defer stop()
				server := local(port, mode, ca.roots)
				server.Username = ""
				s, err := smtp.Dial(t.Context(), server, func(s smtp.Step) {
					if s.Phase == smtp.PhaseData {
						<-answered
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				result, err := s.Send(context.Background(), smtp.Envelope{From: "a@example.com", To: []string{"b@example.com"}}, []byte(strings.Repeat(message, 3)))
				if !early {
					if err != nil || result.Recipients[0].Status != smtp.Accepted {
						t.Errorf("got %+v, %v", result, err)
					}
					return
				}
				f, ok := errors.AsType[*smtp.Failure](err)
				if !ok || f.Class != smtp.Protocol || f.Ambiguous || result.Ambiguous || result.Recipients[0].Status != smtp.Deferred {
					t.Errorf("got %+v, %v", result, err)
				}
			})
		}
	}
}
