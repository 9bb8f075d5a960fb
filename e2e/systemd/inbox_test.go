//go:build e2esystemd

package systemd

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// inbox is the mail that has come from one machine, in the order it came.
type inbox struct {
	t     *testing.T
	dir   string
	known map[string]bool
	all   []letter
	taken int // of all, those that a test has asked for
	// A machine or an agent that is killed between the server's yes to a mail
	// and its own note of that sends the same mail again: killed is how often
	// that may have been, copies how often it was.
	killed, copies int
	// pardon is what the last step might have brought and did not. The next
	// one may.
	pardon []want
}

func newInbox(t *testing.T, post *postfix) *inbox {
	return &inbox{t: t, dir: filepath.Join(post.dir, "mail", "box", "new"), known: make(map[string]bool)}
}

// fresh reads what has come and returns what nobody has asked for.
func (b *inbox) fresh() []letter {
	b.t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.dir, "*"))
	var came []letter
	for _, file := range files {
		if !b.known[file] {
			b.known[file] = true
			came = append(came, readLetter(b.t, file))
		}
	}
	slices.SortFunc(came, func(x, y letter) int { return x.at.Compare(y.at) })
	for _, l := range came {
		same := slices.IndexFunc(b.all, func(have letter) bool { return have.id == l.id })
		switch {
		case same < 0:
			b.all = append(b.all, l)
		case l.subject == b.all[same].subject && l.text == b.all[same].text:
			b.copies++
			b.t.Logf("a copy of a mail: %s", l)
		default:
			b.t.Errorf("two mails with one Message-ID differ:\n%s\n%s\n%s\n%s", b.all[same], b.all[same].text, l, l.text)
		}
	}
	return b.all[b.taken:]
}

// expect waits for mails, and until the agent has nothing more to send, and
// fails the test when another one has come. It returns them in the order of
// wants, the zero letter for one that did not come.
func (b *inbox) expect(ctx context.Context, step string, idle func() bool, wants ...want) []letter {
	b.t.Helper()
	own := len(wants)
	wants = append(slices.Clone(wants), b.pardon...)
	var fresh []letter
	var got []letter
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for waiting := true; waiting; {
		quiet := idle() // before the mails are read
		fresh = b.fresh()
		var missing []want
		got, missing, _ = match(fresh, wants)
		if len(missing) == 0 && quiet {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			waiting = false
		}
	}
	_, missing, extra := match(fresh, wants)
	for _, w := range missing {
		b.t.Errorf("%s: no mail %s", step, w)
	}
	for _, l := range extra {
		b.t.Errorf("%s: unwanted mail %s\n%s", step, l, l.text)
	}
	if b.copies > b.killed {
		b.t.Errorf("%s: got %d copies of mails after %d kills", step, b.copies, b.killed)
	}
	b.taken, b.pardon = len(b.all), nil
	for i, w := range wants[:own] {
		if w.may && got[i].file == "" {
			b.pardon = append(b.pardon, w)
		}
	}
	return got[:own]
}

// match gives every want the first letter that fits and that no other has.
func match(letters []letter, wants []want) (got []letter, missing []want, extra []letter) {
	extra = slices.Clone(letters)
	for _, w := range wants {
		i := slices.IndexFunc(extra, w.fits)
		switch {
		case i >= 0:
			got = append(got, extra[i])
			extra = slices.Delete(extra, i, i+1)
			continue
		case !w.may:
			missing = append(missing, w)
		}
		got = append(got, letter{})
	}
	return got, missing, extra
}

// once fails the test unless every event is in exactly one mail.
func (b *inbox) once(raised []string) {
	b.t.Helper()
	b.fresh()
	mails := make(map[string][]string)
	for _, l := range b.all {
		if len(l.events) == 0 {
			b.t.Errorf("mail %s names no event", l)
		}
		for _, id := range l.events {
			mails[id] = append(mails[id], l.String())
		}
	}
	for id, in := range mails {
		if len(in) != 1 {
			b.t.Errorf("event %s is in %d mails: %q", id, len(in), in)
		}
	}
	for _, id := range raised {
		if len(mails[id]) == 0 {
			b.t.Errorf("event %s, which the agent's log names, is in no mail", id)
		}
	}
	b.t.Logf("%d mails told %d events, each once; the agent's log names %d; %d copies after %d kills", len(b.all), len(mails), len(raised), b.copies, b.killed)
}
