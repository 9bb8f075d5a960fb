package config_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

// monitCases are the readings of each row of docs/monit.md: one for which its
// rule holds, one for which it does not, and, for a change or a total, what was
// read before. A metric of another check has its kind and name before it.
func monitCases() string {
	return `
rule/for              cpu.percent=81 | cpu.percent=80
rule/times            cpu.percent=81 | cpu.percent=80
rule/recovery         cpu.percent=81 | cpu.percent=59
rule/every-cycles     cpu.percent=81 | cpu.percent=80
rule/every-cron       cpu.percent=81 | cpu.percent=80
rule/not-every        cpu.percent=81 | cpu.percent=80
rule/reminder         cpu.percent=81 | cpu.percent=80
rule/restart          exists=false | exists=true
rule/start            exists=false | exists=true
rule/stop             memory.percent=91 | memory.percent=90
rule/exec             cpu.percent=81 | cpu.percent=80
rule/exec-repeat      cpu.percent=81 | cpu.percent=80
rule/unmonitor        cpu.percent=81 | cpu.percent=80
rule/restart-limit    active=false | active=true

process/pidfile       exists=false | exists=true
process/matching      exists=false | exists=true
process/not-exist     exists=false | exists=true
process/exist         exists=true | exists=false
process/cpu           cpu.percent=81 | cpu.percent=80
process/total-cpu     cpu.total_percent=91 | cpu.total_percent=90
process/memory        memory.rss=524288001 | memory.rss=524288000
process/memory-percent  memory.percent=21 | memory.percent=20
process/total-memory  memory.total_rss=838860801 | memory.total_rss=838860800
process/total-memory-percent  memory.total_percent=41 | memory.total_percent=40
process/threads       threads=101 | threads=100
process/children      children=251 | children=250
process/filedescriptors         fds.percent=91 | fds.percent=90
process/filedescriptors-number  fds.open=1001 | fds.open=1000
process/total-filedescriptors   fds.total=5001 | fds.total=5000
process/read          read.bytes_per_second=10485761 | read.bytes_per_second=10485760
process/write         write.bytes_per_second=10485761 | write.bytes_per_second=10485760
process/disk-read     disk.read_bytes_per_second=10485761 | disk.read_bytes_per_second=0
process/disk-write    disk.write_bytes_per_second=10485761 | disk.write_bytes_per_second=0
process/read-operations   read.operations_per_second=501 | read.operations_per_second=500
process/write-operations  write.operations_per_second=501 | write.operations_per_second=500
process/uptime        uptime=259201 | uptime=259200
process/pid           pid=2 | pid=1 | pid=1
process/ppid          ppid=2 | ppid=1 | ppid=1
process/uid           uid=1 | uid=0
process/euid          user=root | user=www-data
process/gid           group=root | group=www-data
process/security      security=x | security=unconfined
process/loadavg       system.machine.load.avg5=11 cpu.percent=60 | system.machine.load.avg5=10 cpu.percent=60
process/restarts      uptime=59 | uptime=60
process/port          reachable=false | reachable=true
process/unixsocket    exists=true type=regular | exists=true type=socket

file/path             exists=false | exists=true
file/not-exist        exists=false | exists=true
file/exist            exists=true | exists=false
file/type             exists=true type=fifo | exists=true type=regular
file/checksum         checksum.md5=0 | checksum.md5=5d41402abc4b2a76b9719d911017c592
file/checksum-changed  checksum.sha256=b | checksum.sha256=a | checksum.sha256=a
file/checksum-sha1    checksum.sha1=0 | checksum.sha1=aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
file/timestamp        age=93601 | age=93600
file/mtime            mtime.age=93601 | mtime.age=93600
file/ctime            ctime.age=93601 | ctime.age=93600
file/atime            atime.age=2592001 | atime.age=2592000
file/timestamp-changed  mtime.time=b | mtime.time=a | mtime.time=a
file/size             size=1610612737 | size=1610612736
file/size-changed     size=2 | size=1 | size=1
file/content          content.matches=1 | content.matches=0
file/ignore           content.matches=1 | content.matches=0
file/content-not      content.matches=1 | content.matches=0
file/permission       mode=0644 | mode=0640
file/permission-changed  mode=0644 | mode=0640 | mode=0640
file/uid              owner=daemon | owner=root
file/gid              gid=0 | gid=42
file/hardlink         links=2 | links=1

directory/path        exists=false | exists=true
directory/not-exist   exists=false | exists=true
directory/exist       exists=true | exists=false
directory/type        exists=true type=regular | exists=true type=directory
directory/timestamp   age=3601 | age=3600
directory/mtime       mtime.age=3601 | mtime.age=3600
directory/ctime       ctime.age=3601 | ctime.age=3600
directory/atime       atime.age=3601 | atime.age=3600
directory/timestamp-changed  mtime.time=b | mtime.time=a | mtime.time=a
directory/permission  mode=0700 | mode=0755
directory/permission-changed  mode=0700 | mode=0755 | mode=0755
directory/uid         owner=daemon | owner=root
directory/gid         group=daemon | group=root
directory/hardlink    links=32001 | links=32000

fifo/path             exists=false | exists=true
fifo/not-exist        exists=false | exists=true
fifo/exist            exists=true | exists=false
fifo/type             exists=true type=regular | exists=true type=fifo
fifo/timestamp        age=3601 | age=3600
fifo/mtime            mtime.age=3601 | mtime.age=3600
fifo/ctime            ctime.age=3601 | ctime.age=3600
fifo/atime            atime.age=3601 | atime.age=3600
fifo/timestamp-changed  mtime.time=b | mtime.time=a | mtime.time=a
fifo/permission       mode=0644 | mode=0600
fifo/permission-changed  mode=0644 | mode=0600 | mode=0600
fifo/uid              owner=daemon | owner=root
fifo/gid              group=daemon | group=root
fifo/hardlink         links=2 | links=1

filesystem/path       exists=false | exists=true
filesystem/device     exists=false | exists=true
filesystem/mounts     space.percent=91 | space.percent=90
filesystem/not-exist  exists=false | exists=true
filesystem/exist      exists=true | exists=false
filesystem/fsflags    flags=ro | flags=rw | flags=rw
filesystem/space      space.percent=91 | space.percent=90
filesystem/space-size  space.used=966367641601 | space.used=966367641600
filesystem/space-free-percent  space.free_percent=9 | space.free_percent=10
filesystem/space-free  space.free=5368709119 | space.free=5368709120
filesystem/inodes     inodes.percent=91 | inodes.percent=90
filesystem/inodes-number  inodes.used=1000001 | inodes.used=1000000
filesystem/inodes-free-percent  inodes.free_percent=9 | inodes.free_percent=10
filesystem/inodes-free  inodes.free=9999 | inodes.free=10000
filesystem/read       read.bytes_per_second=52428801 | read.bytes_per_second=52428800
filesystem/write      write.bytes_per_second=52428801 | write.bytes_per_second=52428800
filesystem/read-operations   read.operations_per_second=501 | read.operations_per_second=500
filesystem/write-operations  write.operations_per_second=501 | write.operations_per_second=500
filesystem/service-time  service.time=0.011 | service.time=0.009
filesystem/permission  mode=0700 | mode=0755
filesystem/uid        owner=daemon | owner=root
filesystem/gid        group=daemon | group=root

system/name           cpu.percent=81 | cpu.percent=80
system/load1          load.avg1=8.1 | load.avg1=8
system/load5          load.avg5=6.1 | load.avg5=6
system/load15         load.avg15=4.1 | load.avg15=4
system/load1-per-core   load.avg1_per_core=4.1 | load.avg1_per_core=4
system/load5-per-core   load.avg5_per_core=1.6 | load.avg5_per_core=1.5
system/load15-per-core  load.avg15_per_core=1.6 | load.avg15_per_core=1.5
system/cpu            cpu.percent=96 | cpu.percent=95
system/cpu-user       cpu.user=71 | cpu.user=70
system/cpu-system     cpu.system=31 | cpu.system=30
system/cpu-wait       cpu.iowait=21 | cpu.iowait=20
system/cpu-nice       cpu.nice=91 | cpu.nice=90
system/cpu-hardirq    cpu.irq=11 | cpu.irq=10
system/cpu-softirq    cpu.softirq=21 | cpu.softirq=20
system/cpu-steal      cpu.steal=21 | cpu.steal=20
system/cpu-guest      cpu.guest=81 | cpu.guest=80
system/cpu-guestnice  cpu.guest_nice=81 | cpu.guest_nice=80
system/memory         memory.percent=86 | memory.percent=85
system/memory-size    memory.used=32212254721 | memory.used=32212254720
system/swap           swap.percent=26 | swap.percent=25
system/swap-size      swap.used=1073741825 | swap.used=1073741824
system/pagein         paging.in_bytes_per_second=409601 | paging.in_bytes_per_second=409600
system/pageout        paging.out_bytes_per_second=409601 | paging.out_bytes_per_second=409600
system/filedescriptors  fds.percent=81 | fds.percent=80
system/filedescriptors-number  fds.open=100001 | fds.open=100000
system/uptime         uptime=299 | uptime=300

program/path          exit=1 | exit=0
program/user          exit=1 | exit=0
program/timeout       ran=false | ran=true
program/status        exit=1 | exit=0
program/status-changed  exit=1 | exit=0 | exit=0
program/content       output=DEGRADED | output=fine
program/content-not   output=warnings:_3 | output=warnings:_0
program/content-changed  output=b | output=a | output=a

network/interface     link=false | link=true
network/address       link=false | link=true
network/link-down     link=false | link=true
network/link-up       link=true | link=false
network/capacity      speed=1e8 duplex=full | speed=1e9 duplex=full | speed=1e9 duplex=full
network/saturation    receive.percent=91 transmit.percent=1 | receive.percent=90 transmit.percent=90
network/upload        transmit.bytes_per_second=10485761 | transmit.bytes_per_second=10485760
network/download      receive.bytes_per_second=10485761 | receive.bytes_per_second=10485760
network/upload-packets    transmit.packets_per_second=5001 | transmit.packets_per_second=5000
network/download-packets  receive.packets_per_second=5001 | receive.packets_per_second=5000
network/total-uploaded    transmit.bytes=11e9 | transmit.bytes=10e9 | transmit.bytes=1
network/total-downloaded  receive.bytes=11e9 | receive.bytes=10e9 | receive.bytes=1
network/total-uploaded-packets    transmit.packets=1000002 | transmit.packets=1000001 | transmit.packets=1
network/total-downloaded-packets  receive.packets=1000002 | receive.packets=1000001 | receive.packets=1

host/address          reachable=false | reachable=true
host/port             reachable=false | reachable=true
host/timeout          reachable=false | reachable=true
host/responsetime     response.time=0.3 | response.time=0.1
host/ping             exit=1 | exit=0
host/ping6            exit=1 | exit=0
`
}

// monitRow is one row of docs/monit.md.
type monitRow struct {
	section string
	code    []string // what is in the second column
	test    string   // its name, or why there is none
	named   bool
}

// monitRows reads the tables of the page.
func monitRows(t *testing.T) []monitRow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/monit.md"))
	if err != nil {
		t.Fatal(err)
	}
	inline, name := regexp.MustCompile("`([^`]+)`"), regexp.MustCompile("^`([a-z]+/[a-z0-9-]+)`$")
	var rows []monitRow
	section := ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.Replace(strings.TrimSpace(title), "Rules", "rule", 1)
		}
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
		if section == "" || len(cells) != 5 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| Monit |") {
			continue
		}
		row := monitRow{section: section, test: strings.TrimSpace(cells[3])}
		for _, m := range inline.FindAllStringSubmatch(strings.ReplaceAll(cells[2], "\x00", "|"), -1) {
			row.code = append(row.code, m[1])
		}
		if m := name.FindStringSubmatch(row.test); m != nil {
			row.test, row.named = m[1], true
		}
		rows = append(rows, row)
	}
	return rows
}

// TestMonitBlocks loads the blocks of the page.
func TestMonitBlocks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/monit.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```hcl\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		loaded(t, code)
		if got, _ := config.Format([]byte(code), "block.hcl"); string(got) != code {
			t.Errorf("block %d is not formatted; want:\n%s", i+1, got)
		}
	}
}

// TestMonit loads what each row of docs/monit.md says, and lets its rule fail
// and not fail.
func TestMonit(t *testing.T) {
	cases := map[string][]string{}
	for line := range strings.Lines(monitCases()) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			cases[name] = strings.Split(rest, "|")
		}
	}
	seen := map[string]bool{}
	for _, row := range monitRows(t) {
		switch {
		case !row.named && len(row.test) < 10:
			t.Errorf("%s: got neither a test nor a reason: %q", row.section, row.code)
		case row.named && (seen[row.test] || cases[row.test] == nil || !strings.HasPrefix(row.test, row.section+"/")):
			t.Errorf("%s: got a test that there is not, that is another row's or of another kind: %q", row.section, row.test)
		case row.named:
			seen[row.test] = true
			t.Run(row.test, func(t *testing.T) { tryMonit(t, row, cases[row.test]) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if !seen[name] {
			t.Errorf("%s: got no row in docs/monit.md", name)
		}
	}
}

// monitRules makes a rule file of a row.
func monitRules(row monitRow) string {
	const ofRule = "when clear for clear_for times within reminder severity do exec repeat"
	head, own := "", map[string]bool{}
	var check, rule []string
	for _, code := range row.code {
		word := strings.Fields(code)[0]
		switch {
		case word == "check":
			head = code
		case slices.Contains(strings.Fields(ofRule), word):
			rule = append(rule, code)
		default:
			check, own[word] = append(check, code), true
		}
	}
	kindName := row.section
	if kindName == "rule" {
		kindName = "system"
	}
	if head == "" {
		head = fmt.Sprintf("check %q \"x\"", kindName)
	}
	fields := regexp.MustCompile(`"([^"]+)"`).FindStringSubmatch(head)
	kind, _ := checks.Find(fields[1])
	usual := map[string]string{"process": "pidfile", "program": "path", "network": "interface", "host": "address", "unit": "unit", "system": ""}
	needs, known := usual[kind.Name]
	if !known {
		needs = "path"
	}
	if needs != "" && !slices.ContainsFunc(kind.Attributes, func(a checks.Attribute) bool {
		return own[a.Name] && (a.Required || slices.Contains(kind.OneOf, a.Name))
	}) {
		check = append(check, needs+` = "/x"`)
		if kind.Name == "network" || kind.Name == "host" {
			check[len(check)-1] = needs + ` = "eth0"`
		}
	}
	return fmt.Sprintf("check \"system\" \"machine\" {}\n%s {\n%s\nrule \"r\" {\n%s\n}\n}\n", head, strings.Join(check, "\n"), strings.Join(rule, "\n"))
}

// tryMonit gives the rule of a row the readings of its case.
func tryMonit(t *testing.T, row monitRow, readings []string) {
	text := monitRules(row)
	cfg, problems := config.LoadBytes([]byte(onlyMail+text), "row.hcl", testOptions())
	if cfg == nil {
		t.Fatalf("%s\n%s", problems.Error(), text)
	}
	check := cfg.Checks[len(cfg.Checks)-1]
	kind, _ := checks.Find(check.Kind)
	rule, now := check.Rules[0], time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i, want := range []engine.Truth{engine.True, engine.False} {
		view := engine.View{Now: now, Reading: tocsin.Reading{At: now, Values: monitValues(t, kind, readings[i])}, History: engine.NewHistory(check.Windows, check.Picks), Seen: map[string]string{}}
		if len(readings) > 2 {
			before := monitValues(t, kind, readings[2])
			for _, read := range before {
				view.Seen[read.Metric] = read.Value.String()
			}
			for _, window := range check.Windows {
				view.History.Add(tocsin.Reading{At: now.Add(-window.Length), Values: before})
			}
		}
		view.History.Add(view.Reading)
		view.Other = func(r engine.Ref) tocsin.Value { return view.Reading.Values.Of(r.Check + "." + r.Metric) }
		if got := rule.When.Eval(view); got != want {
			t.Errorf("%s: got %v, want %v of\n%s", readings[i], got, want, text)
		}
		if description, _ := rule.Explain(view); description == "" {
			t.Error("got no description")
		}
	}
}

// monitValues reads METRIC=VALUE with the type of the metric; "_" is a blank.
func monitValues(t *testing.T, kind checks.Kind, text string) tocsin.Values {
	t.Helper()
	var values tocsin.Values
	for word := range strings.FieldsSeq(text) {
		metric, value, _ := strings.Cut(word, "=")
		i := slices.IndexFunc(kind.Metrics, func(m checks.Metric) bool { return m.Name == metric })
		switch {
		case i >= 0 && kind.Metrics[i].Unit == checks.Word:
			values.Set(metric, tocsin.Text(strings.ReplaceAll(value, "_", " ")))
		case i >= 0 && kind.Metrics[i].Unit == checks.Truth:
			values.Set(metric, tocsin.Bool(value == "true"))
		default:
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", word, err)
			}
			values.Set(metric, tocsin.Number(number))
		}
	}
	return values
}
