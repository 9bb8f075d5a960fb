package systemd

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// UnderManager reports whether a service manager started this very process: it
// sets INVOCATION_ID and, since version 248, SYSTEMD_EXEC_PID (systemd.exec(5)).
// What a unit's process starts inherits both, but has another number.
func UnderManager() bool {
	pid := os.Getenv("SYSTEMD_EXEC_PID")
	return os.Getenv("INVOCATION_ID") != "" && (pid == "" || pid == strconv.Itoa(os.Getpid()))
}

// OwnUnit is the name of the service the process runs in, from
// /proc/self/cgroup (cgroups(7)). It is "" when no service manager started the
// process or its control group does not belong to a service.
func OwnUnit() string {
	if !UnderManager() {
		return ""
	}
	text, err := readBounded("/proc/self/cgroup", 64<<10)
	if err != nil {
		return "" // without /proc nobody knows
	}
	return unitOf(string(text))
}

// unitOf finds the service in the text of /proc/PID/cgroup. The manager's own
// hierarchy (name=systemd, cgroup v1 and hybrid) goes before the unified one:
// on a hybrid system both exist and the first is the one it tracks by.
func unitOf(text string) string {
	unified := ""
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, isPath := strings.Cut(rest, ":")
		if !ok || !isPath {
			continue
		}
		switch unit := serviceOf(path); {
		case controllers == "name=systemd" && unit != "":
			return unit
		case controllers == "":
			unified = unit
		}
	}
	return unified
}

// serviceOf is the service whose control group path is, or lies in: the last
// part of the path that is the name of a unit. A delegated sub-group below it
// is no unit; a scope or slice is one, but no service.
func serviceOf(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		// A name that could be mistaken for a file of the kernel is written
		// with an underscore before it.
		name := strings.TrimPrefix(path[i+1:], "_")
		if isUnitName(name) {
			if strings.HasSuffix(name, ".service") {
				return name
			}
			return ""
		}
		path = path[:max(i, 0)]
	}
	return ""
}

// readBounded reads at most limit bytes of a file that the kernel or the
// manager writes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
