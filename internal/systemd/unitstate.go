package systemd

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// unitDetails is what the manager knows of a unit.
type unitDetails struct {
	UnitEvent
	state string // ActiveState
	gone  bool   // it is not loaded: deleted, or collected after it ended
	none  bool   // the manager says so itself
}

// verdict is what the details of a unit mean to the watch.
type verdict int

const (
	nothing   verdict = iota
	failing           // it is failed
	recovered         // it was told as failed and is well
	forgotten         // it was told as failed and is not any more, nor well
)

// assess decides. invocation is the one that was told as failed, when known.
func assess(known bool, invocation string, d unitDetails) verdict {
	switch {
	case d.state == "failed" && !d.gone:
		return failing
	case !known:
		return nothing
	case d.gone:
		return forgotten
	}
	switch d.state {
	case "active", "reloading", "refreshing":
		return recovered
	case "inactive":
		// Another run that has ended with success, as that of a oneshot does.
		// After systemctl reset-failed the invocation is the old one, or none
		// when the unit was loaded anew: it is not well before it runs again.
		if d.Result == "success" && d.InvocationID != "" && d.InvocationID != invocation {
			return recovered
		}
		return nothing
	default: // on its way, or waiting for its automatic restart
		return nothing
	}
}

// details asks for a unit. Only a connection that does not answer is an error.
func (l *link) details(ctx context.Context, unit string) (unitDetails, error) {
	d := unitDetails{UnitEvent: UnitEvent{Unit: unit, At: time.Now().UTC()}}
	of := target{name: managerName, path: unitPath(unit), iface: unitIface}
	p, err := l.props(ctx, of)
	if err != nil {
		d.gone = errorName(err) != ""
		if d.gone {
			err = nil
		}
		return d, err
	}
	d.none = p.text("LoadState", maxWord) == "not-found"
	d.gone = d.none
	d.state = p.text("ActiveState", maxWord)
	d.Description = p.text("Description", maxWord)
	d.InvocationID = p.id("InvocationID")
	if at := p.moment("StateChangeTimestamp"); !at.IsZero() {
		d.At = at
	}
	if of.iface = kindIface(unit); of.iface == "" || d.gone {
		return d, nil
	}
	p, err = l.props(ctx, of)
	if err != nil {
		if errorName(err) != "" {
			err = nil // it vanished in between; the rest is known
		}
		return d, err
	}
	d.Result = p.text("Result", maxWord)
	d.Restarts = uint32(min(p.number("NRestarts"), 1<<32-1))
	if code := exitCode(p.number("ExecMainCode")); code != "" {
		d.ExitCode = code
		d.ExitStatus = int(min(p.number("ExecMainStatus"), 1<<31-1))
	}
	return d, nil
}

// exitCode names the si_code of SIGCHLD (sigaction(2)) as systemd does.
func exitCode(code uint64) string {
	switch code {
	case 1:
		return "exited"
	case 2:
		return "killed"
	case 3:
		return "dumped"
	default:
		return ""
	}
}

// kindIface is the interface of a unit's kind that has a Result, or "".
func kindIface(unit string) string {
	switch unit[strings.LastIndexByte(unit, '.')+1:] {
	case "service":
		return managerName + ".Service"
	case "socket":
		return managerName + ".Socket"
	case "mount":
		return managerName + ".Mount"
	case "automount":
		return managerName + ".Automount"
	case "swap":
		return managerName + ".Swap"
	case "timer":
		return managerName + ".Timer"
	case "path":
		return managerName + ".Path"
	case "scope":
		return managerName + ".Scope"
	default:
		return ""
	}
}

// id reads 16 bytes as 32 hex digits; "" when there are none.
func (p props) id(name string) string {
	b, _ := p[name].Value().([]byte)
	if len(b) != 16 {
		return ""
	}
	return hex.EncodeToString(b)
}

// listedUnit is one of Manager.ListUnits, (ssssssouso).
type listedUnit struct {
	Name, Description, Load, Active, Sub, Follows string
	Path                                          dbus.ObjectPath
	JobID                                         uint32
	JobType                                       string
	JobPath                                       dbus.ObjectPath
}

// maxFailedUnits bounds what is taken note of. A machine with more has one
// trouble, not thousands.
const maxFailedUnits = 4096

// failedUnits lists the units that are failed.
func (l *link) failedUnits(ctx context.Context) ([]string, error) {
	var listed []listedUnit
	if err := l.store(ctx, managerObject(), "ListUnitsFiltered", []any{[]string{"failed"}}, []any{&listed}); err != nil {
		return nil, err
	}
	var failed []string
	for _, u := range listed {
		if u.Active == "failed" && isUnitName(u.Name) && len(failed) < maxFailedUnits {
			failed = append(failed, u.Name)
		}
	}
	return failed, nil
}

// unitPath is the object of a unit: what is neither a letter nor a digit, and a
// digit at the start, is written as _ and two hex digits.
func unitPath(unit string) string {
	var b strings.Builder
	b.WriteString(unitPrefix)
	for i := range len(unit) {
		c := unit[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('_')
		b.WriteString(hex.EncodeToString([]byte{c}))
	}
	return b.String()
}

// unitOfPath is the unit of an object, the reverse of unitPath; "" when it is
// none.
func unitOfPath(path string) string {
	label, ok := strings.CutPrefix(path, unitPrefix)
	if !ok {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		if label[i] != '_' || i+2 >= len(label) {
			b.WriteByte(label[i])
			continue
		}
		c, err := hex.DecodeString(label[i+1 : i+3])
		if err != nil {
			return ""
		}
		b.Write(c)
		i += 2
	}
	if unit := b.String(); isUnitName(unit) && unitPath(unit) == path {
		return unit
	}
	return ""
}
