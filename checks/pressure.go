package checks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// pressureMetric is one of the averages of one line of one file below
// /proc/pressure.
type pressureMetric struct {
	metric                  string
	resource, line, average string
}

// pressures are the metrics of pressure. There is none of "full" of the
// processors: for a whole host the kernel has no meaning for it and says 0.
func pressures() []pressureMetric {
	return []pressureMetric{
		{"pressure.cpu.some.avg10", "cpu", "some", "avg10"},
		{"pressure.cpu.some.avg300", "cpu", "some", "avg300"},
		{"pressure.cpu.some.avg60", "cpu", "some", "avg60"},
		{"pressure.io.full.avg10", "io", "full", "avg10"},
		{"pressure.io.full.avg300", "io", "full", "avg300"},
		{"pressure.io.full.avg60", "io", "full", "avg60"},
		{"pressure.io.some.avg10", "io", "some", "avg10"},
		{"pressure.io.some.avg300", "io", "some", "avg300"},
		{"pressure.io.some.avg60", "io", "some", "avg60"},
		{"pressure.memory.full.avg10", "memory", "full", "avg10"},
		{"pressure.memory.full.avg300", "memory", "full", "avg300"},
		{"pressure.memory.full.avg60", "memory", "full", "avg60"},
		{"pressure.memory.some.avg10", "memory", "some", "avg10"},
		{"pressure.memory.some.avg300", "memory", "some", "avg300"},
		{"pressure.memory.some.avg60", "memory", "some", "avg60"},
	}
}

// pressureDoc is the line of a metric of pressure in the tables.
func (p pressureMetric) doc() string {
	seconds := p.average[len("avg"):]
	who := "some task waited for "
	if p.line == "full" {
		who = "all tasks that had work waited at once for "
	}
	what := map[string]string{"cpu": "a processor", "io": "a disk", "memory": "memory"}[p.resource]
	return "time in which " + who + what + ", average of " + seconds + " s, /proc/pressure/" + p.resource
}

func pressureTable() []Metric {
	var metrics []Metric
	for _, p := range pressures() {
		metrics = append(metrics, Metric{Name: p.metric, Unit: Percent, Doc: p.doc()})
	}
	return metrics
}

// errNoPressure is for a kernel that does not measure it.
var errNoPressure = errors.New("this kernel measures no pressure (it takes Linux 4.20 with CONFIG_PSI, of some with psi=1 on the command line of the kernel)")

// setPressure sets the metrics of pressure. Each file is read once.
func (r *systemReader) setPressure(d *draft) {
	resource := ""
	var data []byte
	var err error
	for _, p := range r.pressures {
		if p.resource != resource {
			resource = p.resource
			data, err = r.read(filepath.Join("pressure", resource))
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.EOPNOTSUPP):
				err = errNoPressure
			case err != nil:
				err = fmt.Errorf("read pressure: %w", err)
			}
		}
		if err != nil {
			d.lack(err, p.metric)
			continue
		}
		percent, ok := parsePressure(data, p.line, p.average)
		if !ok {
			percent = unknown()
		}
		d.count(p.metric, percent, "/proc/pressure/"+resource)
	}
}

// parsePressure finds one average, in percent, in a file of /proc/pressure:
//
//	some avg10=0.33 avg60=2.26 avg300=3.56 total=926861834
func parsePressure(data []byte, line, average string) (float64, bool) {
	for text := range bytes.Lines(data) {
		words := bytes.FieldsSeq(text)
		first := true
		for word := range words {
			if first {
				if string(word) != line {
					break
				}
				first = false
				continue
			}
			key, value, _ := bytes.Cut(word, []byte("="))
			if string(key) != average {
				continue
			}
			return decimalPercent(value)
		}
	}
	return 0, false
}

// decimalPercent is a number from 0 to 100, written with digits and a point.
func decimalPercent(text []byte) (float64, bool) {
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil && f <= 100
}

// CountsPressure says whether the kernel counts pressure and lets the agent
// read it.
func (h *Host) CountsPressure() bool {
	_, err := readFile(filepath.Join(h.proc(), "pressure/memory"), 4096)
	return err == nil
}
