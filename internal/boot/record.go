package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tocsin/internal/durable"
	"tocsin/internal/systemd"
)

// How says how a run of the agent ended.
type How string

// The ways for a run to end. Any other word, from a newer version, is one in
// which the agent itself ended in order.
const (
	Running   How = ""         // it still runs, or ended without a word
	Stopped   How = "stop"     // by somebody; the machine stayed up
	Restarted How = "restart"  // by somebody, to start again at once
	WentDown  How = "shutdown" // together with the machine
	Commanded How = "command"  // it was no agent: tocsin event did its work and left
)

// Record is what the agent knows of its own run: STATE_DIR/agent.json. The
// zero value is that of an agent that never ran.
//
// The record of a new boot is saved only when the mail about that boot is in
// the spool: until then the old record is all that is known of the boot that
// ended.
type Record struct {
	Key     Key    `json:"key"`
	BootID  string `json:"boot_id"` // as in the journal; for questions to it
	Kernel  string `json:"kernel,omitempty"`
	Version string `json:"version,omitempty"` // of the agent

	Began time.Time `json:"began"`
	// Alive is rewritten once a minute. It bounds the error of what is said
	// about how long the machine was down.
	Alive time.Time `json:"alive,omitzero"`
	// Booted is the manager's UserspaceTimestamp as it stands there, zero if
	// unknown. A soft reboot (systemd 254) keeps the Key but changes it.
	Booted time.Time `json:"booted,omitzero"`

	Ended time.Time     `json:"ended,omitzero"`
	How   How           `json:"how,omitempty"`
	Going systemd.Going `json:"going,omitzero"` // with WentDown

	// Told is the boot whose mail is in the spool.
	Told Key `json:"told,omitempty"`
	// Shutdowns counts the shutdown events of this boot: a shutdown can be
	// called off and begun again, and each has its own id.
	Shutdowns int `json:"shutdowns,omitempty"`
}

// ReadRecord reads the record at path. One that is not there is the zero
// Record and no error. One that is torn, empty, not JSON, without a key or
// over 64 KiB is the zero Record and an error that wraps ErrDamaged. Unknown
// fields are passed over: a newer version may have been here.
func ReadRecord(path string) (Record, error) {
	data, err := readFile(path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	r, err := parseRecord(data)
	if err != nil {
		return Record{}, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

func parseRecord(data []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if r.Key == "" || len(r.Key) > maxShort {
		return Record{}, fmt.Errorf("%w: no key", ErrDamaged)
	}
	return r, nil
}

// Save replaces the record at path, durably.
func (r Record) Save(path string) error { return save(path, r) }

// lastSign is the latest moment at which the agent is known to have run.
func (r Record) lastSign() time.Time { return latest(r.Began, r.Alive, r.Ended) }

func latest(moments ...time.Time) time.Time {
	var last time.Time
	for _, t := range moments {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// save writes a value as JSON, indented: people look into these files.
func save(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return durable.WriteFile(path, append(data, '\n'))
}
