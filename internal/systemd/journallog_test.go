package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/google/go-cmp/cmp"
)

// sent is what a handler sent to the journal.
type sent struct {
	Message  string
	Priority journal.Priority
	Fields   map[string]string
}

// toJournal logs to the returned slice, and, once err is set, to the buffer.
func toJournal(err *error) (*slog.Logger, *[]sent, *bytes.Buffer) {
	var all []sent
	var text bytes.Buffer
	plain := slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	h := &journalHandler{fallback: plain, level: slog.LevelInfo, ids: MessageIDs(), send: func(m string, p journal.Priority, vars map[string]string) error {
		if *err == nil {
			all = append(all, sent{m, p, vars})
		}
		return *err
	}}
	return slog.New(h), &all, &text
}

func TestARecordInTheJournal(t *testing.T) {
	var broken error
	log, all, text := toJournal(&broken)
	log.Debug("not wanted")
	log.Warn("mail server paused, its mail waits", "err", errors.New("450 \"later\"\r\n\x1b"), "server", "mx", "until", 90*time.Second)
	log.With("rule", "disk full").WithGroup("mail").With("id", 7).Error("unit failed", slog.Group("to", "name", "é"), slog.Group("", "a", ""))
	want := []sent{
		{
			`mail server paused, its mail waits: server=mx until=1m30s err="450 \"later\"  ` + "\ufffd\"", journal.PriWarning,
			map[string]string{
				"SYSLOG_IDENTIFIER": "tocsin", "MESSAGE_ID": MessageIDs()["mail server paused, its mail waits"],
				"TOCSIN_ERR": "450 \"later\"  \ufffd", "TOCSIN_SERVER": "mx", "TOCSIN_UNTIL": "1m30s",
			},
		},
		{
			`unit failed: rule="disk full" mail.id=7 mail.to.name=é mail.a=""`, journal.PriErr,
			map[string]string{
				"SYSLOG_IDENTIFIER": "tocsin", "MESSAGE_ID": MessageIDs()["unit failed"],
				"TOCSIN_RULE": "disk full", "TOCSIN_MAIL_ID": "7", "TOCSIN_MAIL_TO_NAME": "é", "TOCSIN_MAIL_A": "",
			},
		},
	}
	if diff := cmp.Diff(want, *all); diff != "" {
		t.Error(diff)
	}
	if text.Len() > 0 {
		t.Errorf("fell back: %s", text)
	}
	// The journal does not take it: nothing is lost, attributes and groups are kept.
	broken = errors.New("no journald")
	log.With("rule", "x").WithGroup("g").Info("agent started", "k", "v")
	if got := text.String(); got != "level=INFO msg=\"agent started\" rule=x g.k=v\n" {
		t.Errorf("got %q", got)
	}
}

func TestARecordIsBounded(t *testing.T) {
	var fine error
	log, all, _ := toJournal(&fine)
	args := make([]any, 0, 400)
	for i := range 200 {
		args = append(args, slog.String(fmt.Sprintf("key\x00 %d%s", i, strings.Repeat("k", 100)), strings.Repeat("v\n", 4000)))
	}
	log.Info("what does not end", args...)
	got := (*all)[0]
	checkSafe(t, got.Message, maxLogMessage)
	if len(got.Fields) > maxLogAttrs+2 {
		t.Errorf("%d fields", len(got.Fields))
	}
	name := regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	for k, v := range got.Fields {
		checkSafe(t, v, maxLogValue)
		if !name.MatchString(k) {
			t.Errorf("field %q", k)
		}
	}
}

func TestEveryMessageHasItsOwnID(t *testing.T) {
	seen := map[string]bool{}
	for message, id := range MessageIDs() {
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || seen[id] {
			t.Errorf("%q: %q", message, id)
		}
		seen[id] = true
	}
}

func TestOnlyTheJournalsStreamIsTheJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	plain := slog.DiscardHandler
	for stream, want := range map[string]bool{
		fmt.Sprintf("%d:%d", stat.Dev, stat.Ino):   true,
		fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1): false,
		fmt.Sprintf("%d:%d", stat.Dev+1, stat.Ino): false,
		"": false, "1": false, "a:b": false, ":": false,
	} {
		t.Setenv("JOURNAL_STREAM", stream)
		h := NewLogHandler(plain, slog.LevelInfo, f)
		if got := h != plain; got != want {
			t.Errorf("%q: got %v", stream, got)
		}
	}
	if isJournal("1:2", nil) {
		t.Error("no file is the journal")
	}
}
