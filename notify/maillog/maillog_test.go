package maillog_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/maillog"
	"tocsin/notify/smtp"
)

func server() smtp.Server {
	return smtp.Server{Name: "relay", Host: "mail.example.com", Port: 465, Username: "alice", Password: smtp.NewSecret("opensesame")}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "mail.log")
		l := maillog.New(path, nil, slog.New(slog.DiscardHandler))
		trace := l.Trace(server())
		trace(smtp.Step{Phase: smtp.PhaseConnect, Text: "connected to 192.0.2.1:465", Took: 12 * time.Millisecond, Peer: "192.0.2.1:465"})
		trace(smtp.Step{
			Phase: smtp.PhaseRecipient, Text: "…", Took: 1500 * time.Microsecond, Peer: "[2001:db8::1]:465",
			Command: "RCPT TO:<a@example.com>", Reply: smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user"},
		})
		l.Trace(server())(smtp.Step{Phase: smtp.PhaseToken, Text: "a new access token"})
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		want := `#Version: 1.0
#Software: Tocsin
#Date: 2000-01-01 00:00:00
#Fields: date time x-session x-account s-computername s-ip s-port x-step cs-method cs-uri-query sc-status sc-substatus x-text time-taken
2000-01-01 00:00:00 1 relay mail.example.com 192.0.2.1 465 connect - - - - connected+to+192.0.2.1:465 12
2000-01-01 00:00:00 1 relay mail.example.com 2001:db8::1 465 rcpt RCPT TO:<a@example.com> 550 5.1.1 no+such+user 1
2000-01-01 00:00:00 2 relay mail.example.com - 465 token - - - - a+new+access+token 0
`
		if diff := cmp.Diff(want, read(t, path)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestChosenFields(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	l := maillog.New(path, []string{"sc-status", "x-account"}, slog.New(slog.DiscardHandler))
	l.Trace(server())(smtp.Step{Reply: smtp.Reply{Code: 250}})
	if got := read(t, path); !strings.HasSuffix(got, "\n#Fields: sc-status x-account\n250 relay\n") {
		t.Errorf("got %s", got)
	}
}

func TestTheFileIsMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	l := maillog.New(path, []string{"sc-status"}, slog.New(slog.DiscardHandler))
	trace := l.Trace(server())
	trace(smtp.Step{Reply: smtp.Reply{Code: 220}})
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	trace(smtp.Step{Reply: smtp.Reply{Code: 250}})
	if old, now := read(t, path+".old"), read(t, path); !strings.HasSuffix(old, "\n220\n") || !strings.HasSuffix(now, "\n250\n") {
		t.Errorf("got %s and %s", old, now)
	}
}

func TestTheFileIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	for _, name := range []string{path, path + ".1"} {
		if err := os.WriteFile(name, make([]byte, 10<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := maillog.New(path, []string{"sc-status"}, slog.New(slog.DiscardHandler))
	l.Trace(server())(smtp.Step{Reply: smtp.Reply{Code: 250}})
	info, err := os.Stat(path + ".1")
	if got := read(t, path); err != nil || info.Size() != 10<<20 || len(got) > 200 {
		t.Errorf("got %d bytes, %v, %v", len(got), info, err)
	}
}

func TestAFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	l := maillog.New(filepath.Join(dir, "gone", "mail.log"), nil, slog.New(slog.NewTextHandler(&said, nil)))
	trace := l.Trace(server())
	trace(smtp.Step{})
	trace(smtp.Step{})
	if n := strings.Count(said.String(), "mail log not written"); n != 1 {
		t.Errorf("told %d times: %s", n, said.String())
	}
	if err := os.Mkdir(filepath.Join(dir, "gone"), 0o700); err != nil {
		t.Fatal(err)
	}
	trace(smtp.Step{Reply: smtp.Reply{Code: 250}})
	read(t, filepath.Join(dir, "gone", "mail.log"))
}

// TestWhatIsNoFile is not written to, nor waited for; and when it is gone the log
// goes on.
func TestWhatIsNoFile(t *testing.T) {
	for found, plant := range map[string]func(t *testing.T, path, elsewhere string){
		"a symbolic link": func(t *testing.T, path, elsewhere string) {
			if err := os.Symlink(elsewhere, path); err != nil {
				t.Fatal(err)
			}
		},
		"a FIFO": func(t *testing.T, path, _ string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a FIFO, and only": func(t *testing.T, path, elsewhere string) { // one that somebody reads
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if n, _ := f.Read(make([]byte, 1)); n > 0 {
					t.Error("the reader was given something")
				}
				_ = f.Close()
			})
		},
		"a directory": func(t *testing.T, path, _ string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a socket": func(t *testing.T, path, _ string) {
			s, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
		},
	} {
		for _, later := range []bool{false, true} { // before the first line, or after it
			for _, dangling := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %v %v", found, later, dangling), func(t *testing.T) {
					dir := t.TempDir()
					path, elsewhere := filepath.Join(dir, "mail.log"), filepath.Join(dir, "elsewhere")
					if !dangling {
						if err := os.WriteFile(elsewhere, []byte("mine"), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					var said strings.Builder
					l := maillog.New(path, []string{"sc-status"}, slog.New(slog.NewTextHandler(&said, nil)))
					t.Cleanup(func() { _ = l.Close() })
					trace := l.Trace(server())
					if later {
						trace(smtp.Step{})
						if err := os.Rename(path, path+".old"); err != nil {
							t.Fatal(err)
						}
					}
					plant(t, path, elsewhere)
					trace(smtp.Step{Reply: smtp.Reply{Code: 220}})
					trace(smtp.Step{Reply: smtp.Reply{Code: 221}})
					for _, want := range []string{path + ": it is " + found, "set mail_log to another path"} {
						if strings.Count(said.String(), want) != 1 {
							t.Errorf("got %s, want %q once", said.String(), want)
						}
					}
					if got, err := os.ReadFile(elsewhere); dangling != os.IsNotExist(err) || !dangling && string(got) != "mine" {
						t.Errorf("elsewhere is %q, %v", got, err)
					}
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					trace(smtp.Step{Reply: smtp.Reply{Code: 250}})
					if got := read(t, path); !strings.HasSuffix(got, "\n250\n") {
						t.Errorf("got %q afterwards", got)
					}
				})
			}
		}
	}
}

// TestALinkToTheFileItself: nobody appends through a link, whatever it names.
func TestALinkToTheFileItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	var said strings.Builder
	l := maillog.New(path, []string{"sc-status"}, slog.New(slog.NewTextHandler(&said, nil)))
	trace := l.Trace(server())
	trace(smtp.Step{Reply: smtp.Reply{Code: 220}})
	if err := errors.Join(os.Rename(path, path+".old"), os.Symlink(path+".old", path)); err != nil {
		t.Fatal(err)
	}
	trace(smtp.Step{Reply: smtp.Reply{Code: 250}})
	if got := read(t, path+".old"); !strings.HasSuffix(got, "\n220\n") || !strings.Contains(said.String(), "a symbolic link") {
		t.Errorf("got %q, said %s", got, said.String())
	}
}

// TestALinkWhereTheFullFileGoes is replaced.
func TestALinkWhereTheFullFileGoes(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, "mail.log"), filepath.Join(dir, "elsewhere")
	if err := errors.Join(os.WriteFile(path, make([]byte, 10<<20), 0o600), os.WriteFile(elsewhere, []byte("mine"), 0o600), os.Symlink(elsewhere, path+".1")); err != nil {
		t.Fatal(err)
	}
	maillog.New(path, nil, slog.New(slog.DiscardHandler)).Trace(server())(smtp.Step{})
	info, err := os.Lstat(path + ".1")
	if err != nil || !info.Mode().IsRegular() || info.Size() != 10<<20 || read(t, elsewhere) != "mine" || len(read(t, path)) > 500 {
		t.Errorf("got %v, %v", info, err)
	}
}

func TestNoLog(t *testing.T) {
	var l *maillog.Log
	if l.Trace(server()) != nil || l.Close() != nil {
		t.Error("a log that nobody asked for does something")
	}
	if got := fmt.Sprint(len(maillog.Fields())); got != "14" {
		t.Errorf("got %s fields", got)
	}
}
