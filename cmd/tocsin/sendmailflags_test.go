package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArguments(t *testing.T) {
	for argv, want := range map[string]string{
		"/usr/bin/tocsin run":      "run",
		"/usr/sbin/sendmail -t":    "sendmail -t",
		"sendmail":                 "sendmail",
		"/usr/bin/mailq -v":        "sendmail -bp -v",
		"newaliases":               "sendmail -bi",
		"/opt/sendmail-old/tocsin": "",
	} {
		if got := strings.Join(arguments(strings.Fields(argv)), " "); got != want {
			t.Errorf("%s: got %q, want %q", argv, got, want)
		}
	}
	if got := arguments(nil); got != nil {
		t.Errorf("no argv: got %q", got)
	}
}

// TestParseSendmail: the calls are those of the programs that make them.
func TestParseSendmail(t *testing.T) {
	for words, want := range map[string]sendmailCall{
		"-i -FCronDaemon -B8BITMIME -oem root":     {name: "CronDaemon", dots: true, to: []string{"root"}}, // cron of Debian
		"-FCronDaemon -i -odi -oem -oi -t -f root": {name: "CronDaemon", dots: true, header: true, from: "root", sender: true},
		"-t":                                  {header: true}, // mdadm
		"-ti":                                 {header: true, dots: true},
		"-it -oi -- a@example.com -b":         {header: true, dots: true, to: []string{"a@example.com", "-b"}},
		"-i a@example.com b@example.com":      {dots: true, to: []string{"a@example.com", "b@example.com"}}, // git
		"-oi -f me@example.com a@example.com": {dots: true, from: "me@example.com", sender: true, to: []string{"a@example.com"}},
		"-rme@example.com root":               {from: "me@example.com", sender: true, to: []string{"root"}},
		"-f <> root":                          {from: "<>", sender: true, to: []string{"root"}},
		"-oem -oi -odb -om root":              {dots: true, to: []string{"root"}},
		"-o i root":                           {dots: true, to: []string{"root"}},
		"-bm -N failure,delay -R hdrs -V id root":              {to: []string{"root"}},
		"-Nnever -Rfull -Vid -XV -h 5 -Mx -L tag -p smtp root": {to: []string{"root"}},
		"-V -oi root": {dots: true, to: []string{"root"}},
		"-O IgnoreDots=true -C /etc/x -X /tmp/log -v -n -m -G -U": {verbose: true},
		"-bp":                                 {mode: sendmailQueue},
		"-b p":                                {mode: sendmailQueue},
		"-bi":                                 {mode: sendmailAliases},
		"-I":                                  {mode: sendmailAliases},
		"-q":                                  {mode: sendmailFlush},
		"-q30m":                               {mode: sendmailFlush},
		"-z -5 -? x":                          {to: []string{"x"}},
		"- root":                              {to: []string{"-", "root"}},
		"--help":                              {mode: sendmailHelp},
		"--read-recipients --from=a@b.c -a x": {header: true, from: "a@b.c", sender: true, to: []string{"x"}}, // msmtp
		"--config /c --state=/s -bp":          {mode: sendmailQueue, config: "/c", state: "/s"},
	} {
		if want.mode == "" {
			want.mode = sendmailDeliver
		}
		got, err := parseSendmail(strings.Fields(words))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(sendmailCall{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", words, err, diff)
		}
	}
	for words, want := range map[string]string{
		"-f":      "option -f needs a value",
		"-t -ibp": "", // -i, then -bp
		"-bs":     "mode -bs is not there",
		"-bd":     "mode -bd is not there",
		"-b":      "option -b needs a value",
		"-o":      "option -o needs a value",
	} {
		if _, err := parseSendmail(strings.Fields(words)); (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", words, err, want)
		}
	}
}
