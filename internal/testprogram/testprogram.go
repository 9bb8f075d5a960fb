// Package testprogram writes the programs that tests run right after.
package testprogram

import (
	"os"
	"syscall"
)

// Write makes path a file of data with mode perm (before the umask), ready to be
// run. Its errors are those of [os.WriteFile].
//
// The kernel refuses to run a file that somebody holds open for writing (ETXTBSY,
// execve(2)), and a program that another goroutine starts meanwhile inherits the
// descriptor until it is begun. So none is started while the file is open.
func Write(path string, data []byte, perm os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, data, perm)
}
