package checks

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// maxFstab bounds what is read of fstab(5), in bytes.
const maxFstab = 256 << 10

// meantToBeMounted says whether fstab(5) has something mounted at boot at one of
// the names of a place, each in its shortest form. Where there is no such file, or
// none that can be read, nothing is.
func (h *Host) meantToBeMounted(names ...string) bool {
	text, err := readFile(cmp.Or(h.Fstab, "/etc/fstab"), maxFstab)
	return err == nil && slices.ContainsFunc(bootMounts(string(text)), func(point string) bool { return slices.Contains(names, point) })
}

// bootMounts are the mount points of the lines of an fstab(5), without those that
// are mounted by hand.
func bootMounts(text string) []string {
	var points []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		point := unescapeOctal(fields[1])
		if !path.IsAbs(point) || len(fields) > 3 && slices.Contains(strings.Split(fields[3], ","), "noauto") {
			continue
		}
		points = append(points, path.Clean(point))
	}
	return points
}
