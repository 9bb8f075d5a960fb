package engine

import "time"

// OnReboot says whether a check is monitored after a boot of the machine.
type OnReboot string

// What becomes of a check with a boot. The zero value is LastState.
const (
	LastState OnReboot = ""        // it is as it was left
	Started   OnReboot = "start"   // it is monitored, whatever was said before
	NotBegun  OnReboot = "nostart" // it is not, until somebody says so
)

// Rebooted does to the checks what they say is to become of them with a boot, when
// key names another one than when the state was saved last; an empty key is a
// boot that nobody knows, and does nothing. It comes before New. The state is
// saved with the next change: until then the same is done again.
func (s *State) Rebooted(checks []Check, key string, now time.Time) {
	if key == "" || s.Boot == key {
		return
	}
	s.Boot = key
	for i := range checks {
		id := checks[i].ID()
		switch checks[i].OnReboot {
		case Started:
			s.take(transition{check: id})
		case NotBegun:
			s.take(transition{check: id, checkState: CheckState{Unmonitored: now, Why: "not begun after a boot, as onreboot says"}})
		case LastState:
		}
	}
}
