package control

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheDocumentNamesEveryRequest holds docs/api.md against the server.
func TestTheDocumentNamesEveryRequest(t *testing.T) {
	source, err := os.ReadFile("server.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range regexp.MustCompile(`"(?:GET|POST) (/v1/[a-z]+)"`).FindAllStringSubmatch(string(source), -1) {
		paths = append(paths, m[1])
	}
	for _, verb := range Verbs() {
		paths = append(paths, "/v1/"+verb)
	}
	if len(paths) < 15 {
		t.Fatalf("found only %q", paths)
	}
	for _, path := range paths {
		if !strings.Contains(string(page), path) {
			t.Errorf("docs/api.md says nothing of %s", path)
		}
	}
}
