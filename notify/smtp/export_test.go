package smtp

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"time"
)

// DialOver is Dial over a connection that is there already.
func DialOver(ctx context.Context, conn net.Conn, s Server, trace Trace) (*Session, error) {
	return dialWith(ctx, s, trace, func(context.Context, Server, Trace) (net.Conn, error) { return conn, nil })
}

// DialOver is Dialer.Dial over connections that next makes.
func (d Dialer) DialOver(ctx context.Context, next func() net.Conn, s Server, trace Trace) (*Session, error) {
	return d.login(ctx, s, trace, func(context.Context, Server, Trace) (net.Conn, error) { return next(), nil })
}

// ReadReply reads one reply from a stream and returns what is left of it.
func ReadReply(stream []byte) (Reply, int, error) {
	r := bufio.NewReaderSize(bytes.NewReader(stream), 64)
	resp, err := readResponse(r)
	if err != nil {
		return Reply{}, 0, err
	}
	return resp.reply(func(s string) string { return s }), len(resp.lines), nil
}

// Stuff is what Send writes of a message, without the final dot.
func Stuff(data []byte) ([]byte, error) {
	if err := checkData(data); err != nil {
		return nil, err
	}
	var sink sink
	err := writeBody(paced{&sink, time.Minute}, data)
	return sink.Bytes(), err
}

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error)      { return s.Buffer.Write(p) }
func (s *sink) Read(p []byte) (int, error)       { return s.Buffer.Read(p) }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// HideLogin hides what a session knows of a login.
func HideLogin(text, user, password string) string {
	var r redactor
	r.addLogin(user, password)
	return r.hide(text)
}
