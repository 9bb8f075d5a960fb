package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tocsin/internal/systemd"
)

// Life is one boot of the machine as the mark knows it. The zero value is none.
type Life struct {
	Key    Key    `json:"key,omitempty"`
	BootID string `json:"boot_id,omitempty"`
	Kernel string `json:"kernel,omitempty"`

	Began time.Time `json:"began,omitzero"` // when the unit started
	// Ended is when the unit stopped because the machine went down, after all
	// services had. Zero: it has not, or it did not go down in order.
	Ended time.Time     `json:"ended,omitzero"`
	Going systemd.Going `json:"going,omitzero"`

	// Away: the unit was stopped while the machine stayed up, so that the
	// mark cannot know how this life ended.
	Away bool `json:"away,omitempty"`
	// Damaged: the file could not be read.
	Damaged bool `json:"damaged,omitempty"`
}

// Mark is /var/lib/tocsin-boot/mark.json. A oneshot unit of its own writes it,
// before the services start and after they have stopped: it knows how the
// machine went down also when the agent was stopped, had crashed or was being
// upgraded. The zero value is that of a unit that never ran.
type Mark struct {
	Current  Life `json:"current"`
	Previous Life `json:"previous,omitzero"`
}

// ReadMark reads the mark at path. One that is not there is nil and no error:
// its unit is not installed. One that the caller may not read is nil and an
// error: it says nothing, for or against. Any other one that cannot be read
// has a damaged Current, and the error wraps ErrDamaged or is that of the file;
// it is to be judged and opened like any other.
func ReadMark(path string) (*Mark, error) {
	data, err := readFile(path, maxState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // that there is none is a fact, not a failure
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	}
	var m Mark
	if err == nil {
		m, err = parseMark(data)
	}
	if err != nil {
		return &Mark{Current: Life{Damaged: true}}, fmt.Errorf("read %s: %w", path, err)
	}
	return &m, nil
}

func parseMark(data []byte) (Mark, error) {
	var m Mark
	if err := json.Unmarshal(data, &m); err != nil {
		return Mark{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.Current.Key == "" || len(m.Current.Key) > maxShort {
		return Mark{}, fmt.Errorf("%w: no key", ErrDamaged)
	}
	return m, nil
}

// Open begins the life that this names, with its Began. A new key moves the
// current life to Previous. The same key changes nothing, except that a unit
// that was away is back, and that a life that had ended becomes Previous: that
// was a soft reboot, or a shutdown that was called off late.
func (m *Mark) Open(this Life) {
	switch {
	case m.Current.Key != this.Key || !m.Current.Ended.IsZero():
		if m.Current.Key != "" || m.Current.Damaged {
			m.Previous = m.Current
		}
		m.Current = this
	case m.Current.Away:
		m.Current.Away = false
	}
}

// Close says that the unit stops at now, in the life that this names. The
// going of a machine that stays up (its Kind is none) makes the life one that
// the mark is Away from. A mark of another life is opened first, so that none
// but the life that ends is ever called ended. One that has ended stays as it
// is.
func (m *Mark) Close(this Life, going systemd.Going, now time.Time) {
	if m.Current.Key == this.Key && !m.Current.Ended.IsZero() {
		return
	}
	m.Open(this)
	if going.Kind == "" {
		m.Current.Away = true
		return
	}
	m.Current.Ended, m.Current.Going, m.Current.Away = now, going, false
}

// Save replaces the mark at path, durably. Only its owner and root can read it,
// and an agent that has CAP_DAC_READ_SEARCH: the sandbox of the unit does not
// let it give the file away.
func (m *Mark) Save(path string) error { return save(path, m) }

// OpenMark reads, opens and saves the mark at path: the start of its unit. A
// file that cannot be read is replaced, and the Previous of the result is
// Damaged, so that its life counts as not ended in order. The error is that
// of Save.
func OpenMark(path string, this Life) (Mark, error) {
	return change(path, func(m *Mark) { m.Open(this) })
}

// CloseMark reads, closes and saves the mark at path: the stop of its unit.
func CloseMark(path string, this Life, going systemd.Going, now time.Time) (Mark, error) {
	return change(path, func(m *Mark) { m.Close(this, going, now) })
}

// change passes over the error of reading: what cannot be read is Damaged, and
// the one thing to do about it is to write it anew.
func change(path string, how func(*Mark)) (Mark, error) {
	m, err := ReadMark(path)
	if m == nil {
		m = &Mark{Current: Life{Damaged: err != nil}}
	}
	how(m)
	return *m, m.Save(path)
}
