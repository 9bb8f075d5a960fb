package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// bill is a CycloneDX 1.5 document, as far as we have something to say
// (https://cyclonedx.org/docs/1.5/json).
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// sbom writes what a binary is made of, by what the linker has written into
// it, which is what runs.
func sbom(out io.Writer, binary, version string, date time.Time) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read the build of the program: %w", err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	sum := sha256.Sum256(data)
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(billOf(info, version, date, sum))
}

// billOf is the document about a build. Its serial number is the binary's
// hash: the same bytes have the same bill.
func billOf(info *debug.BuildInfo, version string, date time.Time, sum [sha256.Size]byte) bill {
	program := component{
		Type: "application", Ref: "tocsin", Name: "tocsin", Version: version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
	}
	for _, s := range info.Settings {
		if s.Key == "GOARCH" || s.Key == "GOOS" || s.Key == "CGO_ENABLED" || s.Key == "-tags" {
			program.Properties = append(program.Properties, property{"go:" + strings.TrimPrefix(s.Key, "-"), s.Value})
		}
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	parts := []component{{Type: "library", Ref: "pkg:golang/std@" + std, Name: "std", Version: std, PURL: "pkg:golang/std@" + std}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		parts = append(parts, component{
			Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl,
			Properties: []property{{"go:sum", m.Sum}},
		})
	}
	all := dependency{Ref: program.Ref}
	for _, p := range parts {
		all.DependsOn = append(all.DependsOn, p.Ref)
	}
	id := hex.EncodeToString(sum[:16])
	return bill{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		// The form of RFC 9562, 5.8: version 8, whose bits mean what we say.
		SerialNumber: fmt.Sprintf("urn:uuid:%s-%s-8%s-8%s-%s", id[:8], id[8:12], id[13:16], id[17:20], id[20:]),
		Metadata:     metadata{date.Format(time.RFC3339), program},
		Components:   parts, Dependencies: []dependency{all},
	}
}
