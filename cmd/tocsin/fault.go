//go:build fault

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// faults lets tests break the agent: SIGUSR2 deadlocks it.
func faults(a *agent) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGUSR2)
	go func() {
		<-broken
		a.courier.Deadlock()
	}()
}
