package checks

import "bytes"

// maxLine is how much of a line is looked at.
const maxLine = 16 << 10

// lines cuts a stream of bytes into lines, whatever pieces it comes in.
type lines struct {
	begun []byte // of the line that has not ended yet, cut at maxLine
}

// feed hands out every line that ends in data, without its line end ("\n" or
// "\r\n") and cut at maxLine. The line is valid until each returns. NULs before a
// line are no part of it: a log that was cut while its program goes on where it
// was (copytruncate of logrotate(8), without O_APPEND) begins with as many.
func (l *lines) feed(data []byte, each func(line []byte)) {
	for {
		if len(l.begun) == 0 {
			data = bytes.TrimLeft(data, "\x00")
		}
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			l.keep(data)
			return
		}
		if len(l.begun) == 0 && end <= maxLine {
			each(bytes.TrimSuffix(data[:end], []byte("\r")))
		} else {
			l.keep(data[:end])
			l.flush(each)
		}
		data = data[end+1:]
	}
}

func (l *lines) keep(data []byte) {
	l.begun = append(l.begun, data[:min(len(data), maxLine-len(l.begun))]...)
}

// flush hands out what has begun, for a file to which nothing is added.
func (l *lines) flush(each func(line []byte)) {
	if len(l.begun) > 0 {
		each(bytes.TrimSuffix(l.begun, []byte("\r")))
	}
	l.begun = l.begun[:0]
}

// clone can be fed without changing l.
func (l *lines) clone() lines { return lines{begun: bytes.Clone(l.begun)} }
