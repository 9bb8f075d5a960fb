package control

import "errors"

// Unknown says that nothing has a name that was asked for.
type Unknown struct {
	Name string
	// Text says so to people.
	Text string
}

// Error is the text.
func (e *Unknown) Error() string { return e.Text }

// refused is the answer to what cannot be done.
func refused(err error) Reply {
	reply := Reply{Error: err.Error()}
	if unknown := new(Unknown); errors.As(err, &unknown) {
		reply.Unknown = unknown.Name
	}
	return reply
}

// err is what an answer refuses, nil when it refuses nothing.
func (r Reply) err() error {
	switch {
	case r.Error == "":
		return nil
	case r.Unknown != "":
		return &Unknown{Name: r.Unknown, Text: r.Error}
	default:
		return errors.New(r.Error)
	}
}
