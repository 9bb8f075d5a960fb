// Command papers writes what travels with a package: whose work the program is
// (copyright), what has changed (changelog), what it is made of (sbom), and its
// manual (man). packaging/build runs it. The same input gives the same bytes.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "papers:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("use: papers copyright GOROOT LICENSE <modules | changelog PACKAGE VERSION MAINTAINER EPOCH <CHANGELOG.md | sbom VERSION EPOCH BINARY | man NAME SECTION ABOUT <PAGE.md")

// run writes one paper. The modules are lines with path, version and
// directory, as packaging/build asks "go list" for them.
func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "copyright":
		return copyright(in, out, args[1], args[2])
	case len(args) == 5 && args[0] == "changelog":
		date, err := epoch(args[len(args)-1])
		if err != nil {
			return err
		}
		return changelog(in, out, release{args[1], args[2], args[3], date})
	case len(args) == 4 && args[0] == "sbom":
		date, err := epoch(args[2])
		if err != nil {
			return err
		}
		return sbom(out, args[3], args[1], date)
	case len(args) == 4 && args[0] == "man":
		return man(in, out, page{args[1], args[2], args[3]})
	}
	return errUsage
}

// epoch reads a SOURCE_DATE_EPOCH.
func epoch(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the date: %w", err)
	}
	return time.Unix(n, 0).UTC(), nil
}
