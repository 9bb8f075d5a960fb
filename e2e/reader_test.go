//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// reading is a mail as a program reads it that people use.
type reading struct {
	MessageID  string            `json:"messageID"`
	Subject    string            `json:"subject"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	References string            `json:"references"`
	InReplyTo  string            `json:"inReplyTo"`
	Text       string            `json:"text"`
	HTML       string            `json:"html"`    // Python says it
	Files      map[string]string `json:"files"`   // SHA-256 by name
	Defects    []string          `json:"defects"` // Python says them
}

// reader reads a maildir, by Message-ID.
type reader struct {
	name string
	read func(ctx context.Context, t *testing.T, maildir string) map[string]reading
}

func readers(t *testing.T) []reader {
	t.Helper()
	for _, program := range []string{"python3", "s-nail"} {
		if _, err := exec.LookPath(program); err != nil {
			skip(t, "no "+program)
		}
	}
	return []reader{{"Python", readWithPython}, {"s-nail", readWithNail}}
}

// readWithPython reads with the email package and its default policy.
func readWithPython(ctx context.Context, t *testing.T, maildir string) map[string]reading {
	t.Helper()
	out, err := exec.CommandContext(ctx, "python3", "testdata/maildir.py", maildir).Output()
	if err != nil {
		t.Fatalf("python3: %v: %s", err, stderrOf(err))
	}
	var list []reading
	must(t, json.Unmarshal(out, &list))
	all := make(map[string]reading)
	for _, r := range list {
		all[r.MessageID] = r
	}
	return all
}

// readWithNail reads with s-nail, a mail at a time: it shows the header and
// the text, and writes the attachments where it stands.
func readWithNail(ctx context.Context, t *testing.T, maildir string) map[string]reading {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
	must(t, err)
	all := make(map[string]reading)
	for n := range files {
		dir := t.TempDir()
		cmd := exec.CommandContext(ctx, "s-nail", "-R", "-#", "-:/", "-Sv15-compat", "-Sttycharset=utf-8", "-Screen-width=100000",
			"-Y", "retain from to subject message-id references in-reply-to", "-Y", "write "+strconv.Itoa(n+1)+" body", "-Y", "type "+strconv.Itoa(n+1), "-Y", "xit", "-f", maildir)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("s-nail: %v: %s", err, stderrOf(err))
		}
		r := parseNail(string(out))
		must(t, os.Remove(filepath.Join(dir, "body"))) // the text of a mail of one part; it is shown as well
		r.Files = hashFiles(t, dir)
		all[r.MessageID] = r
	}
	return all
}

// parseNail takes apart what s-nail shows of a mail.
func parseNail(shown string) reading {
	_, shown, _ = strings.Cut(shown, "[-- Message ")
	_, shown, _ = strings.Cut(shown, "\n")
	head, body, _ := strings.Cut(shown, "\n\n")
	fields := make(map[string]string)
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(line, ":")
		fields[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	// The first part that is text; a mail of one part has no such line.
	if _, part, multipart := strings.Cut(body, " text/plain, "); multipart {
		_, body, _ = strings.Cut(part, "\n\n")
		body, _, _ = strings.Cut(body, "\n[-- #")
	}
	return reading{
		MessageID: fields["message-id"], Subject: fields["subject"], From: fields["from"], To: fields["to"],
		References: fields["references"], InReplyTo: fields["in-reply-to"], Text: body,
	}
}

// hashFiles is the SHA-256 of each file in dir.
func hashFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	sums := make(map[string]string)
	for _, entry := range entries {
		sums[entry.Name()] = sha256Of([]byte(readFile(t, filepath.Join(dir, entry.Name()))))
	}
	return sums
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// stderrOf is what a program said that failed.
func stderrOf(err error) []byte {
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return bytes.TrimSpace(failed.Stderr)
	}
	return nil
}
