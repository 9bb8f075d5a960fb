package config

import (
	"net/http"
	"time"

	"tocsin/internal/heartbeat"
)

// The bounds and defaults of a heartbeat.
const (
	leastBeat   = 10 * time.Second
	defaultBeat = time.Minute
	beatTimeout = 10 * time.Second
	beatMailAge = 15 * time.Minute
)

// heartbeat decodes one heartbeat block.
func (l *loader) heartbeat(f found) {
	s := l.scope(f.source, f.block)
	b := heartbeat.Beat{Name: f.block.Labels[0], URL: s.address("url"), FailURL: s.address("fail_url")}
	if s.body.Attributes["url"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs \"url\": where it is sent to, such as credential(\"heartbeat\").", s.name)
	}
	b.Method = s.oneOf("method", http.MethodGet, http.MethodPost).text
	every, at := s.duration("every", defaultBeat)
	if every < leastBeat || every > day {
		s.fail(at, "Invalid duration", "\"every\" is from 10s to 1d.")
		every = defaultBeat
	}
	timeout, timeoutAt := s.duration("timeout", min(beatTimeout, every))
	if timeout > every {
		s.fail(timeoutAt, "Invalid duration", "\"timeout\" is at most %s, the time between two.", durationText(every))
	}
	b.Every, b.Timeout = every, timeout
	b.MailAge, _ = s.duration("mail_age", beatMailAge)
	s.done()
	l.config.Heartbeats = append(l.config.Heartbeats, b)
}

// address reads a URL, which is a secret also when it is written out.
func (s *scope) address(name string) heartbeat.Address {
	v := s.text(name)
	if !v.set || v.unknown {
		return heartbeat.Address{}
	}
	s.loader.problems.secret(v.text)
	s.source.hidden = append(s.source.hidden, span{v.at.Start.Byte, v.at.End.Byte})
	if err := heartbeat.Valid(v.text); err != nil {
		s.fail(v.at, "Invalid URL", "%q is not a URL: %s.", name, err)
	}
	return heartbeat.NewAddress(v.text)
}
