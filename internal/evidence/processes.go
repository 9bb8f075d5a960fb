package evidence

import (
	"context"
	"fmt"
	"time"

	"tocsin/checks"
)

const (
	// topProcesses is how many processes are listed.
	topProcesses = 10
	// sample is for how long processor time is watched.
	sample = 500 * time.Millisecond
)

// TopCPU lists the processes that take the most processor time.
type TopCPU struct{ Host *checks.Host }

// Gather watches for half a second.
func (s TopCPU) Gather(ctx context.Context, _ About) Exhibit {
	list, err := s.Host.Busiest(ctx, sample, topProcesses)
	e := Exhibit{Heading: "Most processor time in " + sample.String() + ", of all processors", Missing: why(err)}
	for i, c := range list {
		if i == 0 {
			e.Lines = append(e.Lines, fmt.Sprintf("%6s %9s %8s %-12s %s", "CPU", "memory", "PID", "user", "name"))
		}
		e.Lines = append(e.Lines, fmt.Sprintf("%5.1f%% %9s %8d %-12s %s", c.CPU, size(c.Memory), c.PID, c.User, c.Name))
	}
	return e
}

// TopMemory lists the processes that have the most memory resident.
type TopMemory struct{ Host *checks.Host }

// Gather reads all processes once.
func (s TopMemory) Gather(ctx context.Context, _ About) Exhibit {
	list, err := s.Host.Largest(ctx, topProcesses)
	e := Exhibit{Heading: "Most memory, resident", Missing: why(err)}
	for i, c := range list {
		if i == 0 {
			e.Lines = append(e.Lines, fmt.Sprintf("%9s %8s %-12s %s", "memory", "PID", "user", "name"))
		}
		e.Lines = append(e.Lines, fmt.Sprintf("%9s %8d %-12s %s", size(c.Memory), c.PID, c.User, c.Name))
	}
	return e
}

// why is an error as an exhibit says it, empty for none.
func why(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
