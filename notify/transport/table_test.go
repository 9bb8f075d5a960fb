package transport

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/spool"
)

func testTable() Table {
	return Table{
		"example.com": {"lan"}, ".example.com": {"below"}, ".dmz.example.com": {"dmz", "lan"}, "www.dmz.example.com": {"www"},
		"[192.0.2.1]": {"lan"}, "same.example": {"lan"},
	}
}

func TestServers(t *testing.T) {
	for address, want := range map[string][]string{
		"a@example.com":         {"lan"},
		"A@EXAMPLE.Com.":        {"lan"},
		`"x@y"@example.com`:     {"lan"},
		"a@web-1.example.com":   {"below"},
		"a@a.b.example.com":     {"below"},
		"a@dmz.example.com":     {"below"},
		"a@x.dmz.example.com":   {"dmz", "lan"},
		"a@www.dmz.example.com": {"www"},
		"a@[192.0.2.1]":         {"lan"},
		"a@[10.0.2.1]":          nil,
		"a@notexample.com":      nil,
		"a@com":                 nil,
		"a@example.com.evil":    nil,
		"a@":                    nil,
		"root":                  nil,
		"":                      nil,
	} {
		if got := testTable().Servers(address); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
	if got := Table(nil).Servers("a@example.com"); got != nil {
		t.Errorf("got %v from no table", got)
	}
}

func TestSplit(t *testing.T) {
	target := spool.Target{Notifier: "ops", Hold: 5, Template: "t", Addresses: []string{"1@far.example", "2@example.com", "3@web.example.com", "4@SAME.example", "5@far.example"}}
	part := func(addresses ...string) spool.Target {
		p := target
		p.Addresses = addresses
		return p
	}
	want := []spool.Target{part("1@far.example", "5@far.example"), part("2@example.com", "4@SAME.example"), part("3@web.example.com")}
	if diff := cmp.Diff(want, testTable().SplitAll([]spool.Target{target})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]spool.Target{target}, Table(nil).SplitAll([]spool.Target{target})); diff != "" {
		t.Errorf("without a table (-want +got):\n%s", diff)
	}
}

func TestTogether(t *testing.T) {
	all := []string{"1@far.example", "2@example.com", "3@same.example", "4@FAR.example", "5@other.example"}
	for _, tt := range []struct {
		table     Table
		lead      string
		oneDomain bool
		want      []string
	}{
		{nil, all[0], false, all},
		{nil, all[0], true, []string{all[0], all[3]}},
		{testTable(), all[0], false, []string{all[0], all[3], all[4]}},
		{testTable(), all[2], false, []string{all[1], all[2]}},
		{testTable(), all[2], true, []string{all[2]}},
	} {
		if got := tt.table.Together(all, tt.lead, tt.oneDomain); !slices.Equal(got, tt.want) {
			t.Errorf("%s, one domain %t: got %v, want %v", tt.lead, tt.oneDomain, got, tt.want)
		}
	}
}

// FuzzSplit holds that every recipient is in exactly one part.
func FuzzSplit(f *testing.F) {
	f.Add("a@example.com", "b@x.example.com", ".example.com")
	f.Add("@", "a@[.example.com]", "[.example.com]")
	f.Add("a@..", "b@a.", ".")
	f.Fuzz(func(t *testing.T, a, b, key string) {
		table := Table{key: {"lan"}, "example.com": {"lan"}}
		var got []string
		for _, part := range table.Split(spool.Target{Addresses: []string{a, b}}) {
			for _, address := range part.Addresses {
				if !slices.Equal(table.Servers(address), table.Servers(part.Addresses[0])) {
					t.Errorf("%q takes another way than the first of %q", address, part.Addresses)
				}
				got = append(got, address)
			}
		}
		slices.Sort(got)
		want := []string{a, b}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
