package control

import "time"

// Silence is a time in which nobody is told of some checks. What happens
// meanwhile is told in one mail at the end.
type Silence struct {
	// Name is what ends it: the number of a silence, or the name of a
	// maintenance block.
	Name        string    `json:"name"`
	Maintenance bool      `json:"maintenance"`
	About       string    `json:"about"` // for people: "process.nginx, kind file, group web" or "everything"
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	Reason      string    `json:"reason,omitempty"`
	By          string    `json:"by,omitempty"`
	// Waiting counts the events that it holds back.
	Waiting int `json:"waiting"`
}

// Silences is what is silenced, what ends first before the others.
type Silences struct {
	API      int       `json:"api"`
	Silences []Silence `json:"silences"`
}
