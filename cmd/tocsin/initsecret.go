package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tocsin/internal/setup"
)

// foreign says whether a file is a secret that the rule file which is written
// did not have for itself alone, and that would be another one.
func (i *initiation) foreign(f setup.File, before []byte) bool {
	if f.Path != i.place.PlainPath() || i.place.Service || !otherSecret(f) {
		return false
	}
	own := bytes.Contains(before, []byte(filepath.Base(f.Path)))
	return !own || i.secretUser() != ""
}

// secretUser is another rule file of the directory that names the secret, empty
// for none. One that cannot be read may.
func (i *initiation) secretUser() string {
	dir := filepath.Dir(i.place.RuleFile)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if path == i.place.RuleFile || filepath.Ext(path) != ".hcl" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		text, err := head(path, maxInput)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Contains(text, []byte(filepath.Base(i.place.PlainPath()))) {
			return path
		}
	}
	return ""
}

// otherSecret says whether a file holds something else than it would.
func otherSecret(f setup.File) bool {
	there, err := head(f.Path, maxLine)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || len(bytes.TrimSpace(there)) > 0 && !bytes.Equal(bytes.TrimSpace(there), bytes.TrimSpace(f.Text))
}

// keepSecret is keep for a secret: others may still need it.
func keepSecret(path string, now time.Time) (kept string, err error) {
	there, err := head(path, maxLine)
	if err != nil {
		return "", err
	}
	return keep(path, there, now)
}

// head is the beginning of a file. It does not wait for a pipe.
func head(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}
