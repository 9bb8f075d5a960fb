// Command tocsin watches a Linux server and mails what it notices. Read run.go
// next: it names every room of the house in the order of the data.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"tocsin/internal/program"
)

func main() {
	if status, launched := program.Launch(os.Args, os.Stderr); launched {
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, arguments(os.Args), streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
