package boot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/boot"
)

// TestTrace looks below a root with the files of a case. A file is as new as
// the crash unless its name begins with "old:".
func TestTrace(t *testing.T) {
	const panicLine = "<0>[  812.4] [ T123] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n"
	for _, c := range []struct {
		name          string
		files         map[string]string
		last, early   []string
		cause, reason string
	}{
		{name: "nothing", cause: "power loss or hard reset", reason: boot.NoTrace},
		{
			name:  "panic in pstore",
			files: map[string]string{"sys/fs/pstore/dmesg-efi-170000000001001": "Panic#1 Part1\n" + panicLine},
			cause: "kernel panic", reason: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b (pstore)",
		},
		{
			name:  "panic kept by systemd-pstore",
			files: map[string]string{"var/lib/systemd/pstore/1700000000/001/dmesg.txt": "x\n" + panicLine},
			cause: "kernel panic", reason: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b (pstore)",
		},
		{
			name: "only the first part of a panic was kept",
			files: map[string]string{
				"sys/fs/pstore/dmesg-erst-1": "Panic#1 Part2\n<4>[ 1.0] Call Trace:\n",
			},
			cause: "kernel panic", reason: "a dump of a kernel panic (pstore)",
		},
		{
			name: "the part with the words wins, and the oops before it is named",
			files: map[string]string{
				"sys/fs/pstore/dmesg-erst-1": "Panic#1 Part1\n<4>[ 1.0] Call Trace:\n",
				"sys/fs/pstore/dmesg-erst-2": "Panic#1 Part2\n<1>[ 1.0] BUG: kernel NULL pointer dereference, address: 0000\n" + panicLine,
			},
			cause:  "kernel panic",
			reason: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b (pstore); BUG: kernel NULL pointer dereference, address: 0000 (pstore)",
		},
		{
			name:  "an oops",
			files: map[string]string{"sys/fs/pstore/dmesg-ramoops-0": "Oops#1 Part1\n<4>[ 1.0] Oops: 0002 [#1] SMP\n"},
			cause: "kernel crash", reason: "Oops: 0002 [#1] SMP (pstore)",
		},
		{
			name: "old dumps, and dumps of a clean end",
			files: map[string]string{
				"old:sys/fs/pstore/dmesg-efi-1":          "Panic#1 Part1\n" + panicLine,
				"old:var/crash/202601010000/dmesg.20260": panicLine,
				"sys/fs/pstore/dmesg-ramoops-1":          "Shutdown#1 Part1\n<6>[ 1.0] reboot: Power down\n",
				"sys/fs/pstore/pmsg-ramoops-0":           panicLine,
			},
			cause: "power loss or hard reset", reason: boot.NoTrace,
		},
		{
			name: "kdump",
			files: map[string]string{
				"var/crash/202611221201/dmesg.202611221201": strings.Repeat("noise\n", 100_000) + panicLine,
				"var/crash/kexec_cmd":                       panicLine,
			},
			cause: "kernel panic", reason: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b (crash dump)",
		},
		{
			name: "kdump elsewhere, and the log of the kernel that saved it",
			files: map[string]string{
				"var/crash/127.0.0.1-2026-11-22/vmcore-dmesg.txt": "[ 1.0] kernel BUG at mm/slub.c:1\n",
				"var/crash/127.0.0.1-2026-11-22/kexec-dmesg.log":  panicLine,
				"var/crash/dmesg.txt":                             panicLine,
			},
			cause: "kernel crash", reason: "kernel BUG at mm/slub.c:1 (crash dump)",
		},
		{
			name: "watchdog",
			files: map[string]string{
				"sys/class/watchdog/watchdog0/bootstatus": "0\n", "sys/class/watchdog/watchdog1/bootstatus": "32\n",
			},
			cause: "watchdog reset", reason: "the watchdog reset the machine (watchdog1)",
		},
		{
			name:  "watchdog in hexadecimal, with other bits",
			files: map[string]string{"sys/class/watchdog/watchdog0/bootstatus": "0x8020"},
			cause: "watchdog reset", reason: "the watchdog reset the machine (watchdog0)",
		},
		{
			name:  "watchdog that says something else",
			files: map[string]string{"sys/class/watchdog/watchdog0/bootstatus": "-1", "sys/class/watchdog/watchdog1/bootstatus": "16"},
			cause: "power fault", reason: "the watchdog saw the power fail (watchdog1)",
		},
		{
			name: "out of memory, after disk errors",
			last: []string{
				"ata1.00: failed command: READ FPDMA QUEUED",
				"Out of memory: Killed process 571 (python) total-vm:2071252kB",
				"Memory cgroup out of memory: Killed process 4182 (worker)",
			},
			cause:  "after running out of memory",
			reason: "Out of memory: Killed process 571 (python) total-vm:2071252kB (kernel log of that boot); ata1.00: failed command: READ FPDMA QUEUED (kernel log of that boot)",
		},
		{
			name: "a control group out of memory is no reason", last: []string{"Memory cgroup out of memory: Killed process 4182 (worker)"},
			cause: "power loss or hard reset", reason: boot.NoTrace,
		},
		{
			name: "overheating", last: []string{"thermal thermal_zone4: critical temperature reached (128 C), shutting down"},
			cause: "overheating", reason: "thermal thermal_zone4: critical temperature reached (128 C), shutting down (kernel log of that boot)",
		},
		{
			name: "nvme", last: []string{"nvme nvme0: I/O 12 QID 3 timeout, aborting"},
			cause: "after disk errors", reason: "nvme nvme0: I/O 12 QID 3 timeout, aborting (kernel log of that boot)",
		},
		{
			name: "corrected errors are no reason", last: []string{"[Hardware Error]: Corrected error, no action required."},
			cause: "power loss or hard reset", reason: boot.NoTrace,
		},
		{
			name: "a disk error of this boot is no reason", early: []string{"blk_update_request: I/O error, dev fd0, sector 0", "Oops: x"},
			cause: "power loss or hard reset", reason: boot.NoTrace,
		},
		{
			name:  "AMD: watchdog",
			early: []string{"x86/amd: Previous system reset reason [0x02000800]: hardware watchdog timer expired"},
			cause: "watchdog reset", reason: "x86/amd: Previous system reset reason [0x02000800]: hardware watchdog timer expired (kernel log of this boot)",
		},
		{
			name: "AMD and BERT",
			early: []string{
				"x86/amd: Previous system reset reason [0x08000800]: an uncorrected error caused a data fabric sync flood event",
				"BERT: Error records from previous boot:",
				"[Hardware Error]: event severity: fatal",
			},
			cause:  "hardware error",
			reason: "x86/amd: Previous system reset reason [0x08000800]: an uncorrected error caused a data fabric sync flood event (kernel log of this boot); [Hardware Error]: event severity: fatal (kernel log of this boot)",
		},
		{
			name:  "AMD: thermal pin, not any pin",
			early: []string{"x86/amd: Previous system reset reason [0x1]: thermal pin BP_THERMTRIP_L was tripped"},
			cause: "overheating", reason: "x86/amd: Previous system reset reason [0x1]: thermal pin BP_THERMTRIP_L was tripped (kernel log of this boot)",
		},
		{
			name:  "AMD: software says no more than that",
			early: []string{"x86/amd: Previous system reset reason [0x00080800]: software wrote 0x6 to reset control register 0xCF9"},
			cause: "power loss or hard reset", reason: "x86/amd: Previous system reset reason [0x00080800]: software wrote 0x6 to reset control register 0xCF9 (kernel log of this boot)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				name, old := strings.CutPrefix(name, "old:")
				path := filepath.Join(root, name)
				put(t, path, text)
				crashed := at(heartbeat)
				if old {
					crashed = at("07:00:00")
				}
				if err := os.Chtimes(path, crashed, crashed); err != nil {
					t.Fatal(err)
				}
			}
			found := boot.Trace(boot.Scene{Root: root, Since: at(runBegan), Last: c.last, Early: c.early})
			if got := boot.Cause(found); got != c.cause {
				t.Errorf("cause: got %q, want %q", got, c.cause)
			}
			if got := boot.Reason(found); got != c.reason {
				t.Errorf("reason: got %q\nwant %q", got, c.reason)
			}
		})
	}
}

// TestTraceInAHostileDirectory: in some distributions anybody may write into
// /var/crash. A pipe must not hold Trace up, a link must not be followed, and
// a file of somebody else's must not be believed.
func TestTraceInAHostileDirectory(t *testing.T) {
	root := t.TempDir()
	crash := filepath.Join(root, "var/crash/x")
	put(t, filepath.Join(root, "secret"), "Kernel panic - not syncing: secret")
	put(t, filepath.Join(crash, "dmesg.safe"), "Out of memory: Killed process 1\x1b[2J\u202e\xff (x)")
	put(t, filepath.Join(crash, "dmesg.other"), "Kernel panic - not syncing: spoofed")
	if err := syscall.Mkfifo(filepath.Join(crash, "dmesg.pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "secret"), filepath.Join(crash, "dmesg.link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(crash, "dmesg.other"), 4242, 4242); err != nil {
		if err := os.Remove(filepath.Join(crash, "dmesg.other")); err != nil { // not root: no such file can be made
			t.Fatal(err)
		}
	}
	const want = "Out of memory: Killed process 1?[2J?? (x) (crash dump)"
	if got := boot.Reason(boot.Trace(boot.Scene{Root: root})); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTraceIsBounded(t *testing.T) {
	root := t.TempDir()
	for i := range 1000 {
		put(t, filepath.Join(root, "sys/fs/pstore", fmt.Sprintf("dmesg-%d", i)), fmt.Sprintf("Kernel panic - not syncing: %d\n", i))
	}
	deep := filepath.Join(root, "var/lib/systemd/pstore", strings.Repeat("d/", 50))
	put(t, filepath.Join(deep, "dmesg.txt"), "Kernel panic - not syncing: deep")
	lines := make([]string, 100_000)
	long := strings.Repeat("I/O error, dev sda ", 1000)
	for i := range lines {
		lines[i] = long
	}
	found := boot.Trace(boot.Scene{Root: root, Last: lines, Early: lines})
	if len(found) == 0 || len(found) > boot.MaxFindings {
		t.Errorf("got %d findings, want 1 to %d", len(found), boot.MaxFindings)
	}
	if reason := boot.Reason(found); len(reason) > 4*boot.MaxLine || strings.Contains(reason, "deep") {
		t.Errorf("got %d bytes: %s", len(reason), reason)
	}
}

func TestTraceOfThisMachine(t *testing.T) {
	for _, f := range boot.Trace(boot.Scene{Root: "/", Since: time.Now()}) {
		checkText(t, f.Text)
	}
}

func FuzzTrace(f *testing.F) {
	f.Add("Panic#1 Part1\n<0>[ 1.0] Kernel panic - not syncing: x", "x86/amd: Previous system reset reason [0x1]: pin ")
	f.Add("<", "[")
	f.Add("[[] ]BUG: x\nataata: failed command: ", "BERT:rror records")
	f.Fuzz(func(t *testing.T, last, early string) {
		found := boot.Trace(boot.Scene{Root: "/nonexistent", Last: strings.Split(last, "\n"), Early: strings.Split(early, "\n")})
		if len(found) > boot.MaxFindings {
			t.Errorf("got %d findings", len(found))
		}
		for _, one := range found {
			if one.Text == "" || len(one.Text) > boot.MaxLine || boot.Printable(one.Text, boot.MaxLine) != one.Text {
				t.Errorf("got %q", one.Text)
			}
		}
		checkText(t, boot.Reason(found)+boot.Cause(found))
	})
}
