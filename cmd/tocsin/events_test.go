package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tocsin"
)

// TestAnEventIsOneLine: the evidence of its mail is none of it.
func TestAnEventIsOneLine(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.Local)
	err := writeEvents(&options{std: streams{out: &out}}, []tocsin.Event{
		{At: at, Severity: tocsin.Critical, Type: tocsin.Failed, Check: "root", Rule: "full", Description: "\nspace.percent 97 %\x1b[2J > 95\nand more\n\nBiggest directories of /:\n  1 GiB /srv"},
		{At: at, Type: tocsin.Recovered, Check: "root", Rule: "full"},
	})
	const want = `TIME                 SEVERITY  TYPE       RULE       WHAT
2026-11-22 03:04:05  critical  failed     root/full  space.percent 97 %�[2J > 95
2026-11-22 03:04:05  info      recovered  root/full
`
	got := strings.ReplaceAll(out.String(), "  \n", "\n")
	if err != nil || got != want {
		t.Errorf("got\n%swant\n%s%v", got, want, err)
	}
}
