package config

import "tocsin/internal/program"

// The bounds of the limits of a hook's program, as those of a check's.
const (
	leastProgramMemory   = 1 << 20
	mostProgramMemory    = 1 << 50
	mostProgramProcesses = 4194304 // pid_max, proc_sys_kernel(5)
)

// account reads the name or number of a user or group. Whether there is one is
// a matter of the host.
func (s *scope) account(name string) string {
	v := s.text(name)
	if !v.set || v.unknown {
		return ""
	}
	if err := program.ValidName(v.text); err != nil {
		s.fail(v.at, "Invalid value", "%q: %s.", name, err)
		return ""
	}
	return v.text
}

// programLimits reads what a program may use.
func (s *scope) programLimits() program.Limits {
	memory, _, _ := s.integer("memory", leastProgramMemory, mostProgramMemory)
	processes, _, _ := s.integer("processes", 1, mostProgramProcesses)
	return program.Limits{Memory: int64(memory), Processes: int64(processes)}
}
