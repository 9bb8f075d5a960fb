package setup

import (
	"fmt"
	"strings"

	"tocsin/notify/provider"
)

// rules is the text of the rule file, not yet laid out. password is the
// expression that the secret comes from, kept says where that is, and dir where
// the rule files are.
func (a Answers) rules(password, kept, dir string) string {
	var b strings.Builder
	b.WriteString(`# Through which account mail goes, and who gets it. "tocsin init" wrote this; it is
# yours to edit. tocsin.hcl(5) describes all that there is to set.

`)
	fmt.Fprintf(&b, "mailserver %s {\n", quote(a.Label()))
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", name, value)
		}
	}
	if !a.own() {
		set("provider", quote(a.Preset.Name))
	}
	set("host", quoted(a.Host))
	if a.Port != 0 {
		set("port", fmt.Sprint(a.Port))
	}
	set("tls", quoted(a.TLS))
	if a.Preset.Username == "" {
		set("username", quoted(a.Username))
	}
	if a.LogsIn() {
		set("password", password+" # "+kept)
	}
	set("ca_file", quoted(a.CAFile))
	b.WriteString("}\n\n")
	if a.Preset.Login != provider.NoLogin && a.Preset.OAuth.TokenURL != "" {
		b.WriteString("# An oauth block in place of the password logs in with access tokens.\n\n")
	}
	b.WriteString("# Every alert goes to every mail block. To send some of them elsewhere, add another\n# one and route blocks.\nmail \"ops\" {\n")
	set("from", quoted(a.From))
	to := make([]string, len(a.To))
	for i := range a.To {
		to[i] = quote(a.To[i])
	}
	set("to", "["+strings.Join(to, ", ")+"]")
	fmt.Fprintf(&b, `}

# What is watched: without any check block the built-in checks ("tocsin defaults"
# prints them). To change them: tocsin defaults >%s/checks.hcl
`, dir)
	return b.String()
}

// quoted is quote, empty for nothing.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return quote(text)
}

// quote writes a string of HCL, in which ${ and %{ begin templates. Answers hold
// no control characters.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(text) + `"`
}
