//go:build fault

package notify

// Deadlock makes the courier hang for ever, as a deadlock would. It exists in
// builds for tests alone.
func (c *Courier) Deadlock() { c.mu.Lock() }
