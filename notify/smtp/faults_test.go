package smtp_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/smtp"
)

const message = "Subject: x\r\n\r\n.hello\r\n"

// clear is an account on a server without TLS.
func clear() smtp.Server {
	return smtp.Server{
		Host: "mail.example.com", TLS: smtp.TLSNone, Hello: "web-1.example.com",
		Username: "alice", Password: smtp.NewSecret("opensesame"),
	}
}

// steps is a conversation in which all goes well: what the client says and
// what the server answers.
var steps = []struct{ phase, client, server string }{
	{"greeting", "", "220 ready"},
	{"ehlo", "EHLO web-1.example.com", "250-hi\r\n250-SIZE 1000\r\n250 AUTH PLAIN"},
	{"auth", "AUTH PLAIN AGFsaWNlAG9wZW5zZXNhbWU=", "235 2.7.0 welcome"},
	{"mail", "MAIL FROM:<from@example.com> SIZE=22", "250 2.1.0 ok"},
	{"rcpt", "RCPT TO:<to@example.com>", "250 2.1.5 ok"},
	{"data", "DATA", "354 go on"},
	{"dot", "data", "250 2.0.0 queued"},
}

// outcome is what a client makes of a fault.
type outcome struct {
	Err       string // part of it; empty means none
	Scope     smtp.Scope
	Class     smtp.Class
	Ambiguous bool
	Status    smtp.Status
	Reusable  bool
	Took      time.Duration
}

type fault struct {
	name   string
	answer []string // the script's lines instead of the good answer
	want   func(phase string) outcome
}

func broken(class smtp.Class, text string) func(string) outcome {
	return func(phase string) outcome {
		return outcome{Err: text, Class: class, Ambiguous: phase == "dot"}
	}
}

func faults() []fault {
	quoted := func(s string) []string { return []string{"S> " + strconv.Quote(s)} }
	return []fault{
		// What a pipe says depends on who comes first.
		{"drop", []string{"S: drop"}, broken(smtp.Transient, ": ")},
		{"hang", []string{"S: hang"}, func(phase string) outcome {
			o := broken(smtp.Transient, "no answer in time")(phase)
			o.Took = 30 * time.Second
			if phase == "dot" {
				o.Took = 10 * time.Minute
			}
			return o
		}},
		{"garbage", quoted("hello there\r\n"), broken(smtp.Protocol, "is no reply")},
		{"binary", quoted("\x00\xff\x1b[31m\r\n"), broken(smtp.Protocol, `\x00\xff\x1b[31m`)},
		{"bare line feed", quoted("250 ok\n"), broken(smtp.Protocol, "without a carriage return")},
		{"long line", quoted("250 " + strings.Repeat("x", 1<<20) + "\r\n"), broken(smtp.Protocol, "longer than 65536")},
		{"endless", []string{"S: endless"}, broken(smtp.Protocol, "more than 512 lines")},
		{"mixed codes", quoted("250-a\r\n251 b\r\n"), broken(smtp.Protocol, "codes 250 and 251")},
		{"half a reply", append(quoted("250-a\r\n250"), "S: drop"), broken(smtp.Transient, ": ")},
		{"TLS", quoted("\x15\x03\x01\x00\x02\x02\x28"), func(phase string) outcome {
			o := broken(smtp.Protocol, "speaks TLS")(phase)
			if phase == "greeting" {
				o.Class, o.Err = smtp.TLSBroken, `set tls = "implicit"`
			}
			return o
		}},
		{"wrong class 220", []string{"S: 220 ready"}, broken(smtp.Protocol, "220 ready")},
		{"wrong class 354", []string{"S: 354 go on"}, broken(smtp.Protocol, "354 go on")},
		{"wrong class 299", []string{"S: 299 well"}, broken(smtp.Protocol, "299 well")},
		{"421", []string{"S: 421 4.3.2 going down"}, func(string) outcome {
			return outcome{Err: "421 4.3.2 going down"}
		}},
		{"451", []string{"S: 451 4.3.0 later"}, refusedWith("451 4.3.0 later", smtp.Transient, smtp.Deferred)},
		{"554", []string{"S: 554 5.0.0 never"}, refusedWith("554 5.0.0 never", smtp.Permanent, smtp.Refused)},
	}
}

func refusedWith(reply string, class smtp.Class, status smtp.Status) func(string) outcome {
	return func(phase string) outcome {
		switch phase {
		case "greeting", "ehlo":
			return outcome{Err: reply}
		case "auth":
			if class == smtp.Permanent {
				class = smtp.AuthBroken
			}
			return outcome{Err: reply, Class: class}
		case "rcpt":
			return outcome{Status: status, Reusable: true}
		default:
			return outcome{Err: reply, Scope: smtp.Message, Class: class, Status: status, Reusable: true}
		}
	}
}

// TestFaults has every fault at every step.
func TestFaults(t *testing.T) {
	for at, step := range steps {
		for _, f := range faults() {
			if slices.Contains(f.answer, "S: "+step.server) || (step.phase == "greeting" && f.name == "wrong class 220") ||
				(step.phase == "data" && f.name == "wrong class 354") {
				continue // that is the right answer
			}
			t.Run(step.phase+"/"+f.name, func(t *testing.T) {
				script := scriptTo(at)
				script = append(script, f.answer...)
				want := f.want(step.phase)
				if want.Reusable {
					script = append(script, "C: RSET", "S: 250 ok")
				}
				synctest.Test(t, func(t *testing.T) {
					got := converse(t, script)
					if !strings.Contains(got.Err, want.Err) || (want.Err == "") != (got.Err == "") {
						t.Errorf("got error %q, want %q in it", got.Err, want.Err)
					}
					got.Err = want.Err
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("outcome (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

// scriptTo is the good conversation up to, but without, the answer of a step.
func scriptTo(at int) []string {
	var script []string
	for i, step := range steps[:at+1] {
		if step.client != "" {
			script = append(script, "C: "+step.client)
		}
		if i < at {
			for line := range strings.SplitSeq(step.server, "\r\n") {
				script = append(script, "S: "+line)
			}
		}
	}
	return script
}

// converse dials and sends one message.
func converse(t *testing.T, script []string) outcome {
	t.Helper()
	began := time.Now()
	s, err := smtp.DialOver(t.Context(), playOn(t, script), clear(), nil)
	var got outcome
	if err == nil {
		defer s.Close()
		var result smtp.Result
		result, err = s.Send(t.Context(), smtp.Envelope{From: "from@example.com", To: []string{"to@example.com"}}, []byte(message))
		got.Status, got.Reusable = result.Recipients[0].Status, s.Reusable()
		if f, ok := errors.AsType[*smtp.Failure](err); ok && f.Ambiguous != result.Ambiguous {
			t.Errorf("the failure says ambiguous %v, the result %v", f.Ambiguous, result.Ambiguous)
		}
	}
	got.Took = time.Since(began)
	if f, ok := errors.AsType[*smtp.Failure](err); ok {
		got.Err, got.Scope, got.Class, got.Ambiguous = f.Error(), f.Scope, f.Class, f.Ambiguous
	} else if err != nil {
		t.Errorf("got %T %v, want a *Failure", err, err)
	}
	return got
}

// TestEarlyReply has a second reply come with each first one.
func TestEarlyReply(t *testing.T) {
	for at, step := range steps[:len(steps)-1] {
		t.Run(step.phase, func(t *testing.T) {
			for _, early := range []struct {
				line  string
				class smtp.Class
			}{{"250 and more", smtp.Protocol}, {"421 4.4.2 bye", smtp.Transient}} {
				script := append(scriptTo(at), "S> "+strconv.Quote(step.server+"\r\n"+early.line+"\r\n"))
				synctest.Test(t, func(t *testing.T) {
					got := converse(t, script)
					// At DATA nothing tells a 421 from an answer to the message.
					class := early.class
					if step.phase == "data" {
						class = smtp.Protocol
					}
					want := outcome{Err: got.Err, Class: class}
					if diff := cmp.Diff(want, got); diff != "" || got.Err == "" {
						t.Errorf("%q: outcome (-want +got):\n%s", early.line, diff)
					}
				})
			}
		})
	}
}

func TestSlowReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := playSlowly()
		defer stop()
		began := time.Now()
		_, err := smtp.DialOver(t.Context(), client, clear(), nil)
		if took := time.Since(began); err == nil || took != 30*time.Second {
			t.Errorf("a greeting of a byte a second: got %v after %v, want a failure after 30s", err, took)
		}
	})
}

func TestPhaseNames(t *testing.T) {
	for _, step := range steps {
		if !slices.Contains([]smtp.Phase{
			smtp.PhaseGreeting, smtp.PhaseHello, smtp.PhaseAuth, smtp.PhaseMail,
			smtp.PhaseRecipient, smtp.PhaseData, smtp.PhaseDot,
		}, smtp.Phase(step.phase)) {
			t.Errorf("no phase is called %q", step.phase)
		}
	}
	for _, tt := range []struct{ got, want string }{
		{smtp.Account.String(), "account"},
		{smtp.Message.String(), "message"},
		{smtp.Recipient.String(), "recipient"},
		{smtp.Permanent.String(), "permanent"},
		{smtp.Class(9).String(), "unknown(9)"},
		{smtp.Deferred.String(), "deferred"},
		{smtp.Accepted.String(), "accepted"},
		{smtp.Refused.String(), "refused"},
		{fmt.Sprintf("%v %s %#v", smtp.NewSecret("x"), smtp.NewSecret("x"), smtp.NewSecret("x")), "[redacted] [redacted] [redacted]"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
