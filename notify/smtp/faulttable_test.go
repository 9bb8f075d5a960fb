package smtp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/notify/smtp"
)

// faultCase is a row of testdata/faults, whose README tells of the format.
type faultCase struct {
	where, name string
	set         settings
	orders      map[string]string
	want        ending
}

// settings are the words of a "set" line.
type settings struct {
	tls      smtp.TLSMode
	auth     string
	provider string
	to       int
	mails    int
	message  string
}

// ending is what becomes of a case, in the words of the table.
type ending struct {
	Mail, Recipients, Failure, Session string
	Took                               time.Duration
	text                               string // in the error
}

// readFaults reads one file.
func readFaults(path string) (cases []faultCase, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set, _ := readSettings("")
	for i, line := range strings.Split(string(raw), "\n") {
		where := fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if words, ok := strings.CutPrefix(line, "set"); ok && !strings.Contains(line, "|") {
			if set, err = readSettings(words); err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			continue
		}
		columns := strings.Split(line, "|")
		for i, c := range columns {
			columns[i] = strings.TrimSpace(c)
		}
		if columns[0] == "" && len(columns) == 3 && len(cases) > 0 {
			err = cases[len(cases)-1].order(columns[1], columns[2])
		} else {
			var c faultCase
			if c, err = readCase(columns); err == nil {
				c.where, c.set = where, set
				cases = append(cases, c)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	return cases, nil
}

// readCase takes NAME | STEP | SERVER | MAIL | RECIPIENTS | FAILURE | SESSION | TIME apart.
func readCase(columns []string) (c faultCase, err error) {
	if len(columns) != 7 && len(columns) != 8 {
		return c, fmt.Errorf("%d columns, want 7 or 8", len(columns))
	}
	c = faultCase{name: columns[0], orders: make(map[string]string)}
	c.want = ending{Mail: columns[3], Recipients: columns[4], Session: columns[6]}
	c.want.Failure, c.want.text, _ = strings.Cut(columns[5], " ~")
	if len(columns) == 8 {
		if c.want.Took, err = time.ParseDuration(columns[7]); err != nil {
			return c, err
		}
	}
	return c, c.order(columns[1], columns[2])
}

// stepNames are the steps at which a server can be told what to do.
var stepNames = []string{
	"greeting", "ehlo", "helo", "starttls", "handshake", "auth", "cancel", "mail", "rcpt", "data", "body", "dot", "rset", "quit",
}

func (c *faultCase) order(step, what string) error {
	name, number, numbered := strings.Cut(step, " ")
	if !numbered {
		number = "1"
	}
	key := name + " " + number
	if n, err := strconv.Atoi(number); err != nil || n < 1 || !slices.Contains(stepNames, name) {
		return fmt.Errorf("no step is called %q", step)
	}
	if _, twice := c.orders[key]; twice {
		return fmt.Errorf("the step %q twice", step)
	}
	c.orders[key] = what
	return nil
}

func readSettings(words string) (settings, error) {
	s := settings{tls: smtp.TLSNone, auth: "plain", to: 1, mails: 1, message: "short"}
	for word := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "tls":
			modes := map[string]smtp.TLSMode{"none": smtp.TLSNone, "starttls": smtp.TLSStartTLS, "implicit": smtp.TLSImplicit}
			mode, ok := modes[value]
			if s.tls = mode; !ok {
				err = fmt.Errorf("no TLS mode %q", value)
			}
		case "auth":
			s.auth = value
		case "provider":
			s.provider = value
		case "to":
			s.to, err = strconv.Atoi(value)
		case "mails":
			s.mails, err = strconv.Atoi(value)
		case "message":
			s.message = value
			if messages()[value] == "" {
				err = fmt.Errorf("no message %q", value)
			}
		default:
			err = fmt.Errorf("no setting %q", key)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// messages are what is sent, by name.
func messages() map[string]string {
	return map[string]string{
		"short": "Subject: x\r\n\r\nhello\r\n",
		// What lenient servers could take for the end of a message.
		"dots": "Subject: x\r\n\r\n.\r\n..\r\n...\r\n.hidden\r\nQUIT\r\n. \r\n.\r\n",
		// Lines as long as they may be, one of them begun by a dot.
		"long": "Subject: x\r\n\r\n" + strings.Repeat("y", 998) + "\r\n." + strings.Repeat("z", 997) + "\r\n",
		// Dots wherever a buffer or a packet may end.
		"large": "Subject: x\r\n\r\n" + strings.Repeat(".a\r\n", 60_000),
	}
}

// TestFaultTableIsStrict has tables that must not be read.
func TestFaultTableIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"columns":   "a | mail | x | sent",
		"step":      "a | mial | x | sent | sent | - | kept",
		"number":    "a | mail 0 | x | sent | sent | - | kept",
		"twice":     "a | mail | x | sent | sent | - | kept\n | mail 1 | y",
		"time":      "a | mail | x | sent | sent | - | kept | soon",
		"setting":   "set color=red",
		"tls":       "set tls=maybe",
		"message":   "set message=none",
		"number to": "set to=x",
	} {
		path := filepath.Join(t.TempDir(), "x.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if cases, err := readFaults(path); err == nil {
			t.Errorf("%s: got %v, want an error", name, cases)
		}
	}
}
