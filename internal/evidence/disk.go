package evidence

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tocsin/checks"
)

const (
	// topDirectories is how many directories are listed.
	topDirectories = 12
	// most is which share of a directory one in it must hold for that one to
	// stand for both.
	most = 0.9
)

// Disk lists the biggest directories of a file system.
type Disk struct{ Host *checks.Host }

// Gather walks the file system that the path of the check is on.
func (s Disk) Gather(ctx context.Context, about About) Exhibit {
	point, used, err := s.Host.MountOf(about.Attribute)
	if err != nil {
		return Exhibit{Missing: why(err)}
	}
	t, err := walk(ctx, point)
	return biggest(t, used, err)
}

// biggest makes an exhibit of a tree; used are the bytes that the file system
// says it has.
func biggest(t *tree, used int64, err error) Exhibit {
	e := Exhibit{Heading: "Biggest directories of " + t.root, Missing: why(err)}
	if len(t.nodes) == 0 {
		return e
	}
	for i := len(t.nodes) - 1; i > 0; i-- { // children stand behind their parents
		parent := &t.nodes[t.nodes[i].parent]
		parent.bytes += t.nodes[i].bytes
		parent.deep = max(parent.deep, t.nodes[i].bytes)
	}
	order := make([]int, 0, len(t.nodes))
	for i, n := range t.nodes {
		if n.bytes > 0 && float64(n.deep) < most*float64(n.bytes) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.nodes[b].bytes, t.nodes[a].bytes), cmp.Compare(a, b))
	})
	for _, i := range order[:min(len(order), topDirectories)] {
		e.Lines = append(e.Lines, fmt.Sprintf("%9s  %s", size(t.nodes[i].bytes), t.path(i)))
	}
	found := t.nodes[0].bytes
	switch {
	case err != nil:
		e.Lines = append(e.Lines, fmt.Sprintf("%9s  found of %s that are used", size(found), size(used)))
	case found < used-used/10-1<<20:
		hidden := "the others may be of files that are deleted and still open (lsof +L1), or below another mount"
		if t.unread > 0 {
			hidden = fmt.Sprintf("%d directories could not be read", t.unread)
		}
		e.Lines = append(e.Lines, fmt.Sprintf("%9s  found of %s that are used: %s", size(found), size(used), hidden))
	}
	return e
}
