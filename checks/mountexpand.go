package checks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tocsin"
)

// maxMountName is how long the mount point in the name of a check is at most,
// in bytes; what is longer is cut, with a hash in place of the rest.
const maxMountName = 150

// local says whether a file system is on a disk of this machine and can fill
// up: it has a block device, or manages its disks itself, and is no image that
// is made once, such as that of a snap or a CD, which is always full.
func (m mount) local() bool {
	switch m.kind {
	case "squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs":
		return false
	case "btrfs", "zfs", "bcachefs", "ubifs":
		return true // with device numbers of their own
	}
	return unix.Major(m.device) != 0
}

// visibleMounts are the mounts that nothing hides, by their point. What an
// automounter mounts is left out: whoever looks at it keeps it mounted.
func visibleMounts(mounts []mount) []mount {
	top, automatic := make(map[string]mount, len(mounts)), make(map[string]bool)
	for _, m := range mounts {
		top[m.point] = m
		automatic[m.point] = automatic[m.point] || m.kind == "autofs"
	}
	return slices.DeleteFunc(slices.SortedFunc(maps.Values(top), func(a, b mount) int { return strings.Compare(a.point, b.point) }),
		func(m mount) bool { return automatic[m.point] || validPath(m.point) != nil })
}

// chosenMounts are the mounts that a check stands for, one for each file
// system, by their point. A file system that is seen at several points counts
// where all of it is seen, else at the shortest of them.
func chosenMounts(mounts []mount, attributes tocsin.Attributes) []mount {
	patterns, except := listed(attributes.Of("mounts")), listed(attributes.Of("except"))
	types := listed(attributes.Of("types"))
	best := make(map[uint64]mount)
	for _, m := range visibleMounts(mounts) {
		switch {
		case !matchAny(patterns, m.point), matchAny(except, m.point), matchType(except, m.kind):
			continue
		case types == nil && !m.local(), types != nil && !matchType(types, m.kind):
			continue
		}
		if have, seen := best[m.device]; !seen || wider(m, have) < 0 {
			best[m.device] = m
		}
	}
	return slices.SortedFunc(maps.Values(best), func(a, b mount) int { return strings.Compare(a.point, b.point) })
}

// listed takes apart the value of an attribute that is a list.
func listed(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// wider is negative when a shows more of a file system than b.
func wider(a, b mount) int {
	whole := func(m mount) int {
		if m.root == "/" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(len(a.point), len(b.point)), strings.Compare(a.point, b.point))
}

// expandMounts makes one filesystem check for each mount of one with patterns.
func expandMounts(h *Host, s Spec) ([]Spec, error) {
	mounts, err := h.mountTable()
	if err != nil {
		return nil, err
	}
	var specs []Spec
	for _, m := range chosenMounts(mounts, s.Attributes) {
		one := Spec{Name: s.Name + ":" + mountName(m.point), Attributes: tocsin.Attributes{{Name: "path", Value: m.point}}, Metrics: s.Metrics, mounted: true}
		specs = append(specs, one)
	}
	return specs, nil
}

// mountName is a mount point as part of a name: short, in one line, and
// different for each.
func mountName(point string) string {
	if quoted := strconv.Quote(point); quoted[1:len(quoted)-1] != point {
		point = quoted
	}
	if len(point) <= maxMountName {
		return point
	}
	sum := sha256.Sum256([]byte(point))
	return strings.ToValidUTF8(point[:maxMountName], "") + "…" + hex.EncodeToString(sum[:4])
}

// lasting says whether the mount is more than what containers and the system
// mount and unmount all the time, which nobody is to be woken for.
func (m mount) lasting() bool {
	switch m.kind {
	case "autofs", "bpf", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "nsfs", "overlay", "proc", "squashfs", "sysfs", "tmpfs":
		return false
	}
	return true
}

// alertMounts waits until another file system is mounted that lasts, or one is
// not any more.
func alertMounts(h *Host) func(ctx context.Context) error {
	lasting := func(mounts []mount) []mount {
		return slices.DeleteFunc(slices.Clone(mounts), func(m mount) bool { return !m.lasting() })
	}
	mounts, err := h.mountsSince(0)
	if err != nil {
		return func(context.Context) error { return fmt.Errorf("wait for a mount: %w", err) }
	}
	before := lasting(mounts)
	return func(ctx context.Context) error {
		return h.mountEvents.await(ctx, h, func(now []mount) bool {
			return !slices.EqualFunc(before, lasting(now), func(a, b mount) bool {
				return a.point == b.point && a.device == b.device && a.kind == b.kind
			})
		})
	}
}
