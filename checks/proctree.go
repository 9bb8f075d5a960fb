package checks

import "time"

// tree is what a process and all its descendants have in common. The zero
// value is no tree.
type tree struct {
	root     identity
	at       time.Duration // when the root was read, since boot
	children int           // descendants that run
	zombies  int           // descendants that ended and were not waited for
	pages    uint64        // resident, with the root
	threads  int64         // with those of the root
	members  map[identity]work
}

// work is processor time in ticks.
type work struct {
	own    uint64
	reaped uint64 // of children that ended and were waited for
	alive  bool
}

// tree adds up a process and its descendants.
func (t *Table) tree(root *process) tree {
	t.link()
	sum := tree{root: root.identity, at: root.at, children: -1, members: map[identity]work{}}
	mark := t.newMark()
	t.stack = append(t.stack[:0], root)
	for len(t.stack) > 0 {
		p := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if p.mark == mark {
			continue // parents that go round in a circle
		}
		p.mark = mark
		switch {
		case p.alive():
			sum.children++
			sum.pages += p.pages
			sum.threads += max(0, p.threads)
		case p.zombie():
			sum.zombies++
		}
		sum.members[p.identity] = work{own: p.ticks, reaped: p.reaped, alive: p.alive()}
		for child := p.child; child != nil; child = child.sibling {
			t.stack = append(t.stack, child)
		}
	}
	sum.children = max(0, sum.children)
	return sum
}

// ticksSince is the processor time of the tree since an earlier one, also of
// children that began and ended in between: the kernel adds the time of a
// child to its parent's when that waits for it, so the sum over a tree only
// grows. It falls when a child leaves the tree or nobody waits for it; then
// the processes that are in both trees are what is certain.
func (now tree) ticksSince(before tree) uint64 {
	var sum, earlier, certain uint64
	for id, w := range now.members {
		old, known := before.members[id]
		switch {
		case known:
			sum += w.own + w.reaped
			certain += w.own - min(w.own, old.own)
		case time.Duration(id.start+1)*tick > before.at: //nolint:gosec // The kernel's uptime.
			sum += w.own + w.reaped
			certain += w.own
		}
	}
	for _, w := range before.members {
		earlier += w.own + w.reaped
	}
	return max(certain, sum-min(sum, earlier))
}

// loadMeter turns samples of a counter of processor time into percents of all
// processors. The zero value has seen nothing.
type loadMeter struct {
	of      identity
	at      time.Duration // since boot
	ticks   uint64
	percent float64
	known   bool // percent is one
}

// percentOf is the share of the ticks since the previous sample of the same
// process, from 0 to 100; false for the first sample. The same sample again
// has the same answer.
func (m *loadMeter) percentOf(of identity, at time.Duration, ticks uint64, cores int) (float64, bool) {
	if m.of == of && at <= m.at {
		return m.percent, m.known
	}
	if m.known = m.of == of; m.known {
		spent := float64(ticks-min(ticks, m.ticks)) * float64(tick)
		m.percent = min(100, 100*spent/(float64(at-m.at)*float64(cores)))
	}
	m.of, m.at, m.ticks = of, at, ticks
	return m.percent, m.known
}
