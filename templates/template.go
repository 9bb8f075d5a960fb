// Package templates renders events into mail. Rendering is pure: the same
// events give the same bytes, so that a retry is the same mail.
package templates

// Header is one header field of a mail.
type Header struct{ Name, Value string }

// Template is what a mail looks like. An empty part means the built-in one.
type Template struct {
	// Subject and Text hold $VARIABLES; see Variables.
	Subject string
	Text    string
}
