//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"tocsin/internal/postbox"
)

// TestReady and TestDetection are timed and therefore run alone, before the
// parallel tests.
func TestReady(t *testing.T) {
	ctx := deadline(t, 30*time.Second)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, ""), mailTo("ops", "ops@example.com"), s.watchProcess("absent", "1h"))
	var took []time.Duration
	for range 5 {
		a := s.start(ctx)
		took = append(took, time.Since(a.began))
		a.stop(ctx)
	}
	slices.Sort(took)
	t.Logf("start to READY=1: median %s of %s", took[2], took)
	if took[2] > time.Second {
		t.Errorf("got %s, want less than a second", took[2])
	}
}

func TestDetection(t *testing.T) {
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	refusal := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	box := startBox(t, postbox.Config{Mode: postbox.StartTLS, Refuse: func(recipient string) error {
		if recipient == "gone@example.com" {
			return refusal
		}
		return nil
	}})
	s.rules(s.account("box", box.Port(), "starttls", box, unlimited), mailTo("ops", "ops@example.com", "gone@example.com"), s.watchProcess("worker", "1s"))
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)

	var latencies []time.Duration
	for round := range 3 {
		killed := time.Now()
		worker.kill()
		failed := receive(ctx, t, box)
		latency := failed.at.Sub(killed)
		latencies = append(latencies, latency)
		if latency > 2*time.Second {
			t.Errorf("round %d: the mail was accepted %s after the kill, want less than 2s", round, latency)
		}
		checkAlert(t, failed, "failed", "FAILED: ", "Does not exist")
		if round == 0 { // somebody never gets it: that is told, once an hour
			alarm := receive(ctx, t, box)
			checkAlert(t, alarm, "instance", "Mail given up", "gone@example.com: 550 5.1.1 no such user here")
		}
		worker = startChild(t, s.path("worker.pid"))
		recovered := receive(ctx, t, box)
		checkAlert(t, recovered, "recovered", "RECOVERED after ", "Exists")
		if a, b := failed.header.Get("References"), recovered.header.Get("References"); a == "" || a != b || failed.subject != recovered.subject {
			t.Errorf("round %d: the mails of an incident are no thread: %q %q, %q %q", round, failed.subject, a, recovered.subject, b)
		}
	}
	slices.Sort(latencies)
	t.Logf("kill to mail accepted, every second: %s", latencies)

	a.log.await(ctx, t, "mail refused, kept in badmail", 7)
	if list := s.ok(ctx, "queue", "list"); !strings.Contains(list, "0 waiting, 7 refused in badmail, 0 damaged") {
		t.Errorf("queue list: got %q, want nothing waiting and 7 refused", list)
	}
	checkBadmail(t, s)
	a.stop(ctx)
	if n := len(box.Mails()); n != 7 {
		t.Errorf("got %d mails, want 7", n)
	}
}

func checkAlert(t *testing.T, l letter, state, headline, event string) {
	t.Helper()
	if len(l.to) != 1 || l.to[0] != "ops@example.com" {
		t.Errorf("got recipients %q, want ops alone", l.to)
	}
	if got := l.header.Get("X-Tocsin-State"); got != state || len(l.events) != 1 {
		t.Errorf("got a mail about %q and %d events, want %q and 1", got, len(l.events), state)
	}
	if !strings.HasPrefix(l.text, headline) || !strings.Contains(l.text, event) {
		t.Errorf("got the text %q, want %q and %q in it", l.text, headline, event)
	}
}

// checkBadmail looks at what is kept of refused recipients.
func checkBadmail(t *testing.T, s *station) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "spool", "badmail", "*.json"))
	must(t, err)
	if len(files) != 7 {
		t.Fatalf("got %d files in badmail, want 7", len(files))
	}
	for _, file := range files {
		var bad struct {
			Delivery struct {
				Recipients map[string]struct{ Status, Reply string } `json:"recipients"`
			} `json:"delivery"`
		}
		must(t, json.Unmarshal([]byte(readFile(t, file)), &bad))
		gone, ops := bad.Delivery.Recipients["gone@example.com"], bad.Delivery.Recipients["ops@example.com"]
		if gone.Status != "failed" || gone.Reply != "550 5.1.1 no such user here" || ops.Status != "sent" {
			t.Errorf("%s: got %+v and %+v", filepath.Base(file), gone, ops)
		}
		if eml := readFile(t, strings.TrimSuffix(file, ".json")+".eml"); !strings.Contains(eml, "Subject: ") {
			t.Errorf("%s: its mail is not kept: %q", filepath.Base(file), eml)
		}
	}
}
