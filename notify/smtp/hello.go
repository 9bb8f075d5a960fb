package smtp

import (
	"context"
	"net"
	"strconv"
	"strings"
)

// capabilities is what a server says it can do (RFC 5321 4.1.1.1): keywords in
// upper case with their parameters.
type capabilities map[string][]string

func parseCapabilities(lines []string) capabilities {
	all := make(capabilities)
	for _, line := range lines[min(1, len(lines)):] { // the first line is the server's name
		words := strings.FieldsFunc(asciiUpper(line), func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 {
			continue
		}
		keyword, parameters := words[0], words[1:]
		// Old servers write AUTH=LOGIN for clients that are even older.
		if mechanism, ok := strings.CutPrefix(keyword, "AUTH="); ok {
			keyword, parameters = "AUTH", append([]string{mechanism}, parameters...)
		}
		all[keyword] = append(all[keyword], parameters...)
	}
	return all
}

// asciiUpper folds as RFC 5321 2.4 does. Unicode has letters that become an S or
// a K in upper case and are none.
func asciiUpper(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, text)
}

func (c capabilities) has(keyword string) bool {
	_, ok := c[keyword]
	return ok
}

// size is the largest message that the server takes, 0 when it does not say
// (RFC 1870 4).
func (c capabilities) size() (limit int64, offered bool) {
	if !c.has("SIZE") {
		return 0, false
	}
	if parameters := c["SIZE"]; len(parameters) > 0 {
		if n, err := strconv.ParseInt(parameters[0], 10, 64); err == nil && n > 0 {
			return n, true
		}
	}
	return 0, true
}

// hello says EHLO and forgets what the server said it could do before.
func (s *Session) hello(ctx context.Context) error {
	s.offers = nil
	reply, resp, err := s.exchange(ctx, PhaseHello, line{text: "EHLO " + s.helloName()}, s.server.timeout())
	if err != nil {
		return err
	}
	switch reply.Code {
	case codeOK:
		s.offers = parseCapabilities(resp.lines)
		return nil
	case 500, 502, 504:
		// A server of before 1995. It has neither STARTTLS nor AUTH; where
		// those are not needed it will do.
		reply, _, err = s.exchange(ctx, PhaseHello, line{text: "HELO " + s.helloName()}, s.server.timeout())
		if err != nil {
			return err
		}
		if reply.Code == codeOK {
			return nil
		}
	}
	return s.refused(PhaseHello, reply)
}

// helloName is the configured name, or else our address as a literal
// (RFC 5321 4.1.3).
func (s *Session) helloName() string {
	if s.server.Hello != "" {
		return s.server.Hello
	}
	tcp, ok := s.raw.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "[127.0.0.1]"
	case tcp.IP.To4() == nil:
		return "[IPv6:" + tcp.IP.String() + "]"
	default:
		return "[" + tcp.IP.String() + "]"
	}
}
