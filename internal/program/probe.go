package program

import (
	"context"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Probe is what a program that checks something said and did.
type Probe struct {
	// Stdout and Stderr are the beginning of what it printed, byte by byte,
	// at most 8 KiB each.
	Stdout, Stderr []byte
	// Status is its exit status, 0 to 255, when Signal is 0.
	Status int
	// Signal is what ended it, 0 when it ended by itself.
	Signal syscall.Signal
	Took   time.Duration
	// Err is why it was not run or not to its end; nil when Status or Signal
	// says how it ended. It is ErrUnsafe, ErrTimeout or what the kernel says.
	Err error
}

// Probe runs the program, without an event, until it ends, its timeout is over
// or ctx ends; see Run for what happens then.
func (p Program) Probe(ctx context.Context) Probe {
	began := time.Now()
	var out, errs head
	err := p.run(ctx, nil, &out, &errs)
	r := Probe{Stdout: out.bytes(), Stderr: errs.bytes(), Took: time.Since(began), Err: err}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok {
			r.Err = nil
			if status.Signaled() {
				r.Signal = status.Signal()
			} else {
				r.Status = status.ExitStatus()
			}
		}
	}
	return r
}

// head keeps the beginning of what is written to it.
type head struct {
	mu   sync.Mutex
	data []byte
}

// Write never fails and never blocks, however much a program prints.
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.data = append(h.data, p[:min(len(p), maxOutput-len(h.data))]...)
	return len(p), nil
}

// bytes is what was kept. A child that was not ended may still write.
func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]byte(nil), h.data...)
}
