//go:build !fault

package main

// faults does nothing but in builds for tests.
func faults(*agent) {}
