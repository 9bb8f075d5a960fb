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
	// HTML is the HTML part, a text of html/template; see CheckHTML. Where
	// it is empty and Text is not, the built-in part shows the text.
	HTML string
}

// Style is how the mails of one mail block are written. The zero value is a
// text and an HTML part, and a subject that keeps an incident in one thread.
type Style struct {
	// TextOnly leaves the HTML part out.
	TextOnly bool
	// SubjectState puts the state into the built-in subjects: "[web-1] FAILED
	// nginx: down". Gmail then makes a thread for each state, because it puts
	// only mails with one subject together.
	SubjectState bool
}
