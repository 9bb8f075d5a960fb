package smtp

import "strconv"

// view is a text as it may be meant. Its byte i begins at at[i] of the text; at is
// nil where the text is meant as it is.
type view struct {
	text string
	at   []int
}

// source is where a part of the view is in the text.
func (v view) source(from, to int) (int, int) {
	if v.at == nil {
		return from, to
	}
	return v.at[from], v.at[to]
}

// unescape makes the view of a text that is percent-encoded (RFC 3986 2.1), if
// plus is set as a form is: a plus is a blank. What is no escape is itself, and
// half of one at the end is left out.
func unescape(text string, plus bool) view {
	decoded, at := make([]byte, 0, len(text)), make([]int, 0, len(text)+1)
	for i := 0; i < len(text); i++ {
		c, from := text[i], i
		switch {
		case c == '%' && len(text)-i < len("%2F"):
			i = len(text)
			continue
		case c == '%':
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				c, i = byte(n), i+2
			}
		case c == '+' && plus:
			c = ' '
		}
		decoded, at = append(decoded, c), append(at, from)
	}
	return view{string(decoded), append(at, len(text))}
}
