package config

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path/filepath"
	"slices"
)

// File is a rule file as it was read.
type File struct {
	Name string      // as problems name it
	Mode fs.FileMode // its type and permissions
	Text []byte
}

// LoadFiles is Load for files that were read before, in their order; who may
// write them was asked then. What env(), file() and credential() bring in is
// read now.
func LoadFiles(files []File, opt Options) (*Config, *Problems) {
	opt = opt.defaults()
	p := newProblems()
	var sources []*source
	for _, f := range files {
		sources = append(sources, &source{name: f.Name, dir: filepath.Dir(f.Name), text: f.Text, mode: f.Mode})
	}
	if !p.take(sources) {
		return nil, p.finish()
	}
	return load(sources, opt, p)
}

// take takes in the files that were read, and says what is wrong with their
// bytes. It is false when one of them is of a later version: then nothing else is
// looked at.
func (p *Problems) take(sources []*source) bool {
	for _, s := range sources {
		p.sources[s.name] = s
		p.read = append(p.read, s)
	}
	if !p.versions(sources) {
		return false
	}
	for _, s := range sources {
		diags := checkText(s)
		p.add(diags...)
		s.broken = diags.HasErrors()
	}
	return true
}

// Files are the rule files that were read, in their order, also those with
// problems. Nobody changes their text.
func (p *Problems) Files() []File {
	var files []File
	for _, s := range p.read {
		files = append(files, File{s.name, s.mode, s.text})
	}
	return files
}

// brought is what came into a block from outside of its file: a value of env(),
// file() or credential(), or a file that it names.
type brought struct {
	file string // the rule file
	at   int    // where the block is that has it
	sum  [sha256.Size]byte
}

// bring remembers what came from outside, so that a change of it is seen. No
// secret is kept.
func (s *scope) bring(what, text string) {
	s.loader.brought = append(s.loader.brought, brought{s.source.name, s.header.Start.Byte, sha256.Sum256([]byte(what + "\x00" + text))})
}

// digests are hashes of the blocks that are no checks, by their name, each with
// what was brought into it. Comments and the layout of the file count for
// nothing. Routes have no names and count as one: their order matters.
func (l *loader) digests(blocks map[string][]found) map[string]string {
	all := make(map[string]string)
	for kind, some := range blocks {
		if kind == "check" {
			continue
		}
		for _, f := range some {
			at, name := f.block.Range(), blockName(kind, f.block.Labels)
			if kind == "route" {
				name = "the routes"
			}
			h := sha256.New()
			h.Write([]byte(all[name] + foldCode(f.source.text[at.Start.Byte:at.End.Byte])))
			for _, b := range l.brought {
				if b.file == f.source.name && at.Start.Byte <= b.at && b.at < at.End.Byte {
					h.Write(b.sum[:])
				}
			}
			all[name] = hex.EncodeToString(h.Sum(nil))
		}
	}
	return all
}

// outside is a hash of all that came from outside of the files.
func (l *loader) outside() string {
	sums := make([]string, 0, len(l.brought))
	for _, b := range l.brought {
		sums = append(sums, string(b.sum[:]))
	}
	slices.Sort(sums)
	h := sha256.New()
	for _, sum := range sums {
		h.Write([]byte(sum))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Outside is a hash of all that env(), file(), credential() and the files that
// blocks name have brought into the configuration: another one means that it is
// not the same as before, whatever the rule files say.
func (c *Config) Outside() string { return c.outside }
