package main

import (
	"slices"
	"strings"
	"testing"
)

func TestUntouched(t *testing.T) {
	const smaps = `00400000-00b53000 r-xp 00000000 fe:01 1835 /usr/bin/tocsin
Size:               7500 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00b53000-01266000 r--p 00753000 fe:01 1835 /usr/bin/tocsin
Anonymous:             4 kB
01266000-012a7000 rw-p 00e66000 fe:01 1835 /usr/bin/tocsin
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:          1000 kB
7ffff7000000-7ffff7004000 r--s 00000000 00:00 0 [vvar]
Anonymous:             0 kB
zz-7fff r-xp 00000000 fe:01 1836 /usr/lib/odd
Anonymous:             0 kB
7f00-7f10 r--p 00000000 fe:01 1836 /usr/lib/a file
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0xb53000}, {0x7f00, 0x7f10}}
	if got := untouched(strings.NewReader(smaps)); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestSlim goes on after its own code was given back.
func TestSlim(t *testing.T) {
	giveBack()
	if got := strings.Repeat("ab", 2); got != "abab" {
		t.Errorf("got %q", got)
	}
}
