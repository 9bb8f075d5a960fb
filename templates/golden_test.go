package templates_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tocsin"
	"tocsin/templates"
)

var (
	update  = flag.Bool("update", false, "rewrite the golden mails")
	samples = flag.String("samples", "", "write the golden mails and their HTML into this directory, for a browser")
)

// golden is the JSON of a golden mail: an envelope with its events, or a draft.
type golden struct {
	Envelope templates.Envelope
	Events   []tocsin.Event
	Draft    *templates.Draft
}

// TestGolden renders testdata/*.txtar. Each holds input.json and mail.eml, the
// latter with LF for the sake of git; -update rewrites it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("only %d golden mails: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var input golden
			decoder := json.NewDecoder(bytes.NewReader(archive.Files[0].Data))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&input); err != nil {
				t.Fatalf("%s: %v", archive.Files[0].Name, err)
			}
			var m tocsin.Message
			if input.Draft != nil {
				m, err = templates.Compose(*input.Draft)
			} else {
				m, err = templates.Render(input.Envelope, input.Events)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, m.Data)
			if *samples != "" && input.Draft == nil {
				writeSample(t, file, m.Data)
			}
			got := bytes.ReplaceAll(m.Data, []byte("\r\n"), []byte("\n"))
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "mail.eml", Data: got})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 2 {
				t.Fatal("no mail.eml; run with -update")
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), string(got)); diff != "" {
				t.Errorf("mail (-want +got):\n%s", diff)
			}
		})
	}
}

// writeSample writes a mail and its HTML part.
func writeSample(t *testing.T, file string, data []byte) {
	t.Helper()
	base := filepath.Join(*samples, strings.TrimSuffix(filepath.Base(file), ".txtar"))
	for name, content := range map[string][]byte{base + ".eml": data, base + ".html": []byte(parse(t, data).html)} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
