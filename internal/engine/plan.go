package engine

import "slices"

// Task is one step of a plan: what is done to one check.
type Task struct {
	Check string // its id
	// Verb is Start, Stop, Restart, Monitor or Unmonitor. None means that the
	// rules of the check wait until here, and nothing is done to it.
	Verb Verb
	// Lazy says that nothing is done to a service that is as it should be.
	Lazy bool
	// Again says that a service is stopped to be started again, or started
	// because it was stopped so.
	Again bool
}

// Facts is what a plan has to know of a check.
type Facts struct {
	// Idle says that the check is not monitored.
	Idle bool
	// Starts, Stops and Restarts say that there is a way to do so.
	Starts, Stops, Restarts bool
}

// Plan is what has to be done, one after the other, to do something to some
// checks that depend on others, or others on them, as Monit does it. It is pure.
//
//   - To start a check, what it depends on is started before and monitored.
//   - Before a check is stopped, what depends on it is.
//   - To restart a check, what depends on it and is monitored is stopped before
//     and started again after; and what it depends on runs.
//   - To monitor a check, what it depends on is monitored.
//   - When a check is not monitored any more, what depends on it is neither.
//
// A check in between of which nobody knows how it is started or stopped is only
// monitored or not.
func Plan(t Tree, v Verb, targets []string, facts func(id string) Facts) []Task {
	switch v {
	case Start:
		return below(t, Start, targets, facts)
	case Stop:
		var all []Task
		for _, id := range t.Above(targets...) {
			if f := facts(id); slices.Contains(targets, id) {
				all = append(all, Task{Check: id, Verb: Stop})
			} else if f.Stops || !f.Idle {
				all = append(all, Task{Check: id, Verb: Stop, Lazy: true})
			}
		}
		return all
	case Restart:
		return restart(t, targets, facts)
	case Monitor:
		return below(t, Monitor, targets, facts)
	case Unmonitor:
		var all []Task
		for _, id := range t.Above(targets...) {
			if slices.Contains(targets, id) || !facts(id).Idle {
				all = append(all, Task{Check: id, Verb: Unmonitor})
			}
		}
		return all
	case Exec: // it is the rule's own
	}
	return nil
}

// below does something to the targets after all that they depend on is there.
func below(t Tree, v Verb, targets []string, facts func(id string) Facts) []Task {
	var all []Task
	for _, id := range t.Below(targets...) {
		switch f := facts(id); {
		case slices.Contains(targets, id):
			all = append(all, Task{Check: id, Verb: v})
		case v != Monitor && f.Starts:
			all = append(all, Task{Check: id, Verb: Start, Lazy: true})
		case f.Idle:
			all = append(all, Task{Check: id, Verb: Monitor})
		}
	}
	return all
}

// restart stops what depends on the targets, restarts those, and starts the
// rest again. A target that depends on another one is part of the rest.
func restart(t Tree, targets []string, facts func(id string) Facts) []Task {
	var roots []string
	for _, id := range targets {
		if !slices.ContainsFunc(t.Prerequisites(id), func(below string) bool { return slices.Contains(targets, below) }) {
			roots = append(roots, id)
		}
	}
	above := slices.DeleteFunc(t.Above(targets...), func(id string) bool {
		return slices.Contains(roots, id) || facts(id).Idle && !slices.Contains(targets, id)
	})
	var all []Task
	for _, id := range above {
		if f := facts(id); f.Stops && f.Starts {
			all = append(all, Task{Check: id, Verb: Stop, Lazy: true, Again: true})
		}
	}
	for _, task := range below(t, Restart, roots, facts) {
		if !slices.Contains(above, task.Check) { // what two targets stand on may depend on one of them
			all = append(all, task)
		}
	}
	slices.Reverse(above)
	for _, id := range above {
		switch f := facts(id); {
		case f.Stops && f.Starts:
			all = append(all, Task{Check: id, Verb: Start, Lazy: true, Again: true})
		case f.Restarts:
			all = append(all, Task{Check: id, Verb: Restart})
		default:
			all = append(all, Task{Check: id})
		}
	}
	return all
}
