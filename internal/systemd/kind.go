package systemd

// Kind is how a machine goes down.
type Kind string

// The kinds, named after the systemd targets that bring them about
// (systemd.special(7)). The zero value is none: the machine stays up.
const (
	Reboot     Kind = "reboot"
	Poweroff   Kind = "poweroff"
	Halt       Kind = "halt"
	Kexec      Kind = "kexec"
	SoftReboot Kind = "soft-reboot"
	Exit       Kind = "exit"     // a container's manager ends
	Shutdown   Kind = "shutdown" // going down, how is not known
)

// Going says that the machine is going down, and what is known of why.
type Going struct {
	Kind Kind `json:"kind"`
	// Forced: systemctl --force, the services were not stopped in order.
	Forced bool `json:"forced,omitempty"`
	// Wall is the message of whoever asked for it (shutdown(8)), made safe and
	// at most 1 KiB.
	Wall string `json:"wall,omitempty"`
	// By names the user who asked for it, where logind knows.
	By string `json:"by,omitempty"`
}
