package setup

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"tocsin/internal/config"
)

// Credential is the name by which the unit has the secret.
const Credential = "smtp"

// Place is where the files go and how the agent gets the secret.
type Place struct {
	// RuleFile is the path of what is written.
	RuleFile string
	// Service says that the agent is the packaged unit, which gets the secret from
	// the service manager as credential("smtp").
	Service bool
	// Shared says that the agent may be another user than the writer, one of the
	// group of the directory.
	Shared bool
	// DropIns are the paths of the drop-ins that name the encrypted secret, one for
	// each unit that has it.
	DropIns []string
	// Sealed is the secret as systemd-creds(1) has encrypted it, nil where it is
	// kept as it is.
	Sealed []byte
}

// The files beside the rule file.
const (
	plainFile  = "smtp.secret"
	sealedFile = "smtp.cred"
)

// SealedPath is where the encrypted secret is.
func (p Place) SealedPath() string { return filepath.Join(filepath.Dir(p.RuleFile), sealedFile) }

// PlainPath is where the secret is that nobody has encrypted.
func (p Place) PlainPath() string { return filepath.Join(filepath.Dir(p.RuleFile), plainFile) }

// Owner says whose a file is.
type Owner uint8

// The owners. The zero value is whoever writes it, root for a service.
const (
	Writer    Owner = iota
	Directory       // as the directory that it is in, so that the agent's group reads it
)

// File is one file to be written, or removed.
type File struct {
	Path  string
	Text  []byte
	Mode  fs.FileMode
	Owner Owner
	// Remove says that it must not be there.
	Remove bool
	// Rules marks the rule file, which a person may have edited.
	Rules bool
	// About says in a few words what it is.
	About string
}

// Plan turns answers into files, in the order in which they are written: what a
// file needs is there before it. The answers were checked one by one.
func Plan(a Answers, p Place) []File {
	rules := File{Path: p.RuleFile, Mode: 0o640, Owner: Directory, Rules: true, About: "the account and who gets mail"}
	plain := File{Path: p.PlainPath(), Text: []byte(a.Secret + "\n"), Mode: 0o600, About: "the secret, for root alone"}
	sealed := File{Path: p.SealedPath(), Text: p.Sealed, Mode: 0o600, About: "the secret, encrypted with this machine's key"}
	dropIns := p.dropIns()
	// The same wherever the secret is, so that the rule file stays the same.
	const kept = "it is beside this file; \"tocsin init\" sets another one"
	dir := filepath.Dir(p.RuleFile)
	switch {
	case !a.LogsIn():
		rules.Text = layOut(a.rules("", "", dir), p.RuleFile)
		return []File{rules}
	case !p.Service:
		plain.Owner, plain.About = Directory, "the secret, for whoever owns its directory"
		if p.Shared {
			plain.Mode, plain.About = 0o640, "the secret, for the owner and the group of its directory"
		}
		rules.Text = layOut(a.rules(`file("`+plainFile+`")`, kept, dir), p.RuleFile)
		return []File{plain, rules}
	case p.Sealed != nil:
		rules.Text = layOut(a.rules(`credential("`+Credential+`")`, kept, dir), p.RuleFile)
		// The unit wants the plain file to be there.
		plain.Text, plain.About = nil, "empty: the secret is elsewhere now"
		return slices.Concat([]File{sealed}, dropIns, []File{rules, plain})
	default:
		rules.Text = layOut(a.rules(`credential("`+Credential+`")`, kept, dir), p.RuleFile)
		for i := range dropIns {
			dropIns[i].Remove = true
		}
		sealed.Remove = true
		return slices.Concat([]File{plain}, dropIns, []File{rules, sealed})
	}
}

// dropIns have each unit that wants the secret get the encrypted one.
func (p Place) dropIns() []File {
	files := make([]File, 0, len(p.DropIns))
	for _, path := range p.DropIns {
		files = append(files, File{
			Path: path, Mode: 0o644, About: "hands the encrypted secret to " + strings.TrimSuffix(filepath.Base(filepath.Dir(path)), ".d"),
			Text: fmt.Appendf(nil, "# Written by \"tocsin init\". The unit gets its secret from here, and no more from\n# smtp.secret.\n[Service]\nLoadCredentialEncrypted=%s:%s\n", Credential, p.SealedPath()),
		})
	}
	return files
}

// layOut gives a text the form that "tocsin fmt" gives it.
func layOut(text, path string) []byte {
	if formatted, problems := config.Format([]byte(text), path); !problems.HasErrors() {
		return formatted
	}
	return []byte(text) // the loader says what is wrong with it
}
