package boot

import "strings"

// sign is a text by which a line of the kernel's tells of a cause.
type sign struct {
	rank  int
	cause string
	// has are the texts that a line must hold, all of one of the rows.
	has [][]string
	// not are texts of harmless lines that look the same.
	not []string
	// begins: the text stands at the beginning of the message. Elsewhere it may
	// be the name of a process or of a control group, which anybody chooses.
	begins bool
}

// signs are those of the kernel that went down, in its last lines and its
// dumps. They are from the sources of Linux 5.10 to 6.16.
func signs() []sign {
	return []sign{
		{rank: rankPanic, cause: "kernel panic", begins: true, has: [][]string{{"Kernel panic - not syncing"}}},
		{rank: rankHeat, cause: "overheating", has: [][]string{{"ritical temperature reached"}}},
		{rank: rankOops, cause: "kernel crash", begins: true, has: [][]string{
			{"BUG: "}, {"kernel BUG at "}, {"Oops: "}, {"watchdog: BUG: "}, {"Watchdog detected hard LOCKUP"}, {"NMI watchdog: ", "hard LOCKUP"},
		}},
		hardware(),
		// The kernel's word for a limit of a control group is "Memory cgroup
		// out of memory": that does not take a machine down.
		{rank: rankMemory, cause: "after running out of memory", has: [][]string{{"Out of memory: Kill"}}},
		{rank: rankDisk, cause: "after disk errors", has: [][]string{
			{"ata", ": failed command: "},
			{"ata", ": exception Emask "},
			{"I/O error, dev "},
			{"nvme", "timeout, "},
			{"nvme", "controller is down; will reset"},
			{"EXT4-fs error "},
			{"Remounting filesystem read-only"},
		}},
	}
}

func hardware() sign {
	return sign{
		rank: rankHardware, cause: "after a hardware error",
		has: [][]string{{"[Hardware Error]"}, {"Machine check events logged"}},
		not: []string{"Corrected error"},
	}
}

// earlySigns are those of the kernel that came up, about the one before it.
func earlySigns() []sign {
	return []sign{
		{rank: rankFirmware, cause: "hardware error", has: [][]string{{"BERT:", "rror records"}}},
		hardware(),
	}
}

// resetReason begins what an AMD processor since Zen 1 says about its last
// reset (Linux 6.16, arch/x86/kernel/cpu/amd.c).
const resetReason = "x86/amd: Previous system reset reason"

// resets are the causes in it. What software asked for and changes of the
// power state are of no use: they follow a panic as well as a poweroff.
func resets() []sign {
	return []sign{
		{rank: rankWatchdog, cause: "watchdog reset", has: [][]string{{"watchdog timer expired"}}},
		{rank: rankHeat, cause: "overheating", has: [][]string{{"thermal"}}},
		{rank: rankFirmware, cause: "hardware error", has: [][]string{{"sync flood"}, {"parity error"}, {"internal CPU shutdown"}}},
		{rank: rankReset, cause: "power button held", has: [][]string{{"power button"}}},
		{rank: rankReset, cause: "hard reset", has: [][]string{{"pin "}, {"remote ASF"}}},
	}
}

// maxLines bounds how many lines of a log are looked at, from its end.
const maxLines = 2000

// kernelLines looks through lines of a kernel's log.
func kernelLines(lines []string, signs []sign, source string) []Finding {
	var found []Finding
	seen := make(map[int]bool)
	for _, line := range lines[max(0, len(lines)-maxLines):] {
		line = line[:min(len(line), 4*maxLine)]
		for _, s := range signs {
			if at := s.in(line); at >= 0 && !seen[s.rank] {
				seen[s.rank] = true
				found = append(found, Finding{s.cause, printable(bare(line, at), maxLine), source, s.rank})
			}
		}
	}
	return found
}

// in says where in a line the sign stands, negative if it does not.
func (s *sign) in(line string) int {
	for _, text := range s.not {
		if strings.Contains(line, text) {
			return -1
		}
	}
	for _, row := range s.has {
		first, all := strings.Index(line, row[0]), true
		for _, text := range row[1:] {
			all = all && first >= 0 && strings.Contains(line[first:], text)
		}
		if first >= 0 && all && (!s.begins || strings.HasPrefix(bare(line, first), row[0])) {
			return first
		}
	}
	return -1
}

// bare cuts what stands before the message of a line of a dump: "<0>", the
// time in brackets, and "T123" or "CPU3" in brackets (printk.time,
// CONFIG_PRINTK_CALLER). The text at at is not cut.
func bare(line string, at int) string {
	rest := line
	for {
		rest = strings.TrimLeft(rest, " ")
		closing := byte(']')
		switch {
		case strings.HasPrefix(rest, "<"):
			closing = '>'
		case !strings.HasPrefix(rest, "["):
			return rest
		}
		end := strings.IndexByte(rest, closing)
		if end < 0 || len(line)-len(rest)+end >= at {
			return rest
		}
		rest = rest[end+1:]
	}
}

// resetLines finds what an AMD processor said about its last reset.
func resetLines(lines []string, source string) []Finding {
	var found []Finding
	for _, line := range lines[:min(len(lines), maxLines)] {
		line = line[:min(len(line), 4*maxLine)]
		at := strings.Index(line, resetReason)
		if at < 0 {
			continue
		}
		f := Finding{Text: printable(bare(line, at), maxLine), Source: source, rank: rankVague}
		for _, s := range resets() {
			if s.in(line[at:]) >= 0 {
				f.Cause, f.rank = s.cause, s.rank
				break
			}
		}
		found = append(found, f)
		if len(found) == maxFindings {
			break
		}
	}
	return found
}
