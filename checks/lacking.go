package checks

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"
)

// asks says whether some rule names one of the metrics. Unlike wants it is
// false for a check without rules, of which all is shown: what is dear to read
// is read for a rule only.
func (d *draft) asks(names ...string) bool { return d.wanted != nil && wantsAny(d.wanted, names) }

// lack says why metrics are no data on this host, such as an old kernel, to
// the rules that name them. That nobody asked for them is no failure.
func (d *draft) lack(err error, names ...string) {
	if d.wanted != nil {
		d.fail(err, names...)
	}
}

// errNoFile is for a file that this kernel does not have.
var errNoFile = errors.New("this kernel has no such file")

// miss is lack for what the kernel does not have or does not let be read, and
// fail for what is wrong.
func (d *draft) miss(err error, names ...string) {
	if errors.Is(err, errNoFile) || errors.Is(err, errPtrace) {
		d.lack(err, names...)
		return
	}
	d.fail(err, names...)
}

// count sets a metric to a number that was found in source; NaN says that it
// was not.
func (d *draft) count(name string, n float64, source string) {
	if math.IsNaN(n) {
		if d.asks(name) {
			d.lack(fmt.Errorf("this kernel says nothing of %s in %s", name, source), name)
		}
		return
	}
	d.number(name, n)
}

// rate sets a metric to the rate of a counter; a counter that is not there is
// a lack of the kernel's, a rate that is not known yet is nothing.
func (d *draft) rate(name string, counter, perSecond float64, source string) {
	if math.IsNaN(counter) {
		d.count(name, counter, source)
		return
	}
	d.number(name, perSecond)
}

// unknown is the counter that is not there.
func unknown() float64 { return math.NaN() }

// eachKeyed calls each for the lines that are a word and a number, such as
// "MemTotal: 8 kB" (proc(5) meminfo), "pgpgin 8" (vmstat) and "rchar: 8" (io).
// Other lines are left out: kernels add such.
func eachKeyed(data []byte, each func(key []byte, n float64)) {
	for line := range bytes.Lines(data) {
		end := bytes.IndexAny(line, ": \t\n")
		if end <= 0 {
			continue
		}
		key, rest := line[:end], bytes.TrimLeft(line[end:], ": \t")
		if stop := bytes.IndexAny(rest, " \t\n"); stop >= 0 {
			rest = rest[:stop]
		}
		if n, ok := integer(rest); ok && n >= 0 {
			each(key, float64(n))
		}
	}
}

// growth turns samples of counters into rates. A counter that is not there is
// NaN. The zero value has seen nothing.
type growth struct {
	at            time.Duration // since boot
	before, rates []float64
}

// perSecond is by how much each counter grew a second since the previous
// sample: NaN for the first one, for a counter that is not there, and for one
// that went back, which counts something else by now. The same instant again
// has the same answer. The next call overwrites it.
func (g *growth) perSecond(at time.Duration, counters ...float64) []float64 {
	known := len(g.before) == len(counters)
	if known && at <= g.at {
		return g.rates
	}
	g.rates = g.rates[:0]
	for i, n := range counters {
		rate := math.NaN()
		if known && n >= g.before[i] {
			rate = (n - g.before[i]) / (at - g.at).Seconds()
		}
		g.rates = append(g.rates, rate)
	}
	g.at, g.before = at, append(g.before[:0], counters...)
	return g.rates
}
