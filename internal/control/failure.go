package control

// Failure is one that has not recovered: its rule, as KIND.NAME/RULE, and the id
// of the incident.
type Failure struct {
	Rule     string `json:"rule"`
	Incident string `json:"incident"`
	// Acked says that somebody looked after it before this acknowledgement, or
	// before its end.
	Acked bool `json:"acked"`
}

// Failures are those that an acknowledgement is about, sorted by their rule. On
// says that somebody looks after them now, as long as they last.
type Failures struct {
	API      int       `json:"api"`
	On       bool      `json:"on"`
	Failures []Failure `json:"failures"`
}
