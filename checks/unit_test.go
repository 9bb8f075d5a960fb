package checks

import (
	"math"
	"testing"

	"tocsin"
)

func TestFormat(t *testing.T) {
	tests := []struct {
		unit Unit
		in   tocsin.Value
		want string
	}{
		{Percent, tocsin.Number(97.31), "97.3 %"},
		{Percent, tocsin.Number(100), "100 %"},
		{Percent, tocsin.Number(0), "0 %"},
		{Percent, tocsin.Number(-0.01), "0 %"},
		{Bytes, tocsin.Number(0), "0 B"},
		{Bytes, tocsin.Number(1023), "1023 B"},
		{Bytes, tocsin.Number(1023.7), "1 KiB"},
		{Bytes, tocsin.Number(1536), "1.5 KiB"},
		{Bytes, tocsin.Number(1<<20 - 1), "1 MiB"},
		{Bytes, tocsin.Number(3.2 * (1 << 30)), "3.2 GiB"},
		{Bytes, tocsin.Number(-(1 << 31)), "-2 GiB"},
		{Bytes, tocsin.Number(math.Ldexp(1, 62)), "4 EiB"},
		{Bytes, tocsin.Number(math.Ldexp(1, 73)), "8192 EiB"},
		{Seconds, tocsin.Number(0), "0s"},
		{Seconds, tocsin.Number(0.0123), "12.3ms"},
		{Seconds, tocsin.Number(0.99996), "1s"},
		{Seconds, tocsin.Number(1.5), "1.5s"},
		{Seconds, tocsin.Number(59.94), "59.9s"},
		{Seconds, tocsin.Number(59.96), "1m"},
		{Seconds, tocsin.Number(750), "12m30s"},
		{Seconds, tocsin.Number(3600), "1h"},
		{Seconds, tocsin.Number(4*3600 + 12*60 + 59), "4h12m"},
		{Seconds, tocsin.Number(26 * 3600), "1d2h"},
		{Seconds, tocsin.Number(-90), "-1m30s"},
		{Seconds, tocsin.Number(864e18), "10000000000000000d"},
		{PerSecond, tocsin.Number(12.5), "12.5/s"},
		{PerSecond, tocsin.Number(0.25), "0.25/s"},
		{Count, tocsin.Number(12345678), "12345678"},
		{Count, tocsin.Number(1.534), "1.53"},
		{Count, tocsin.Number(1e18), "1000000000000000000"},
		{Count, tocsin.Number(math.Inf(1)), "infinite"},
		{Bytes, tocsin.Number(math.Inf(-1)), "-infinite"},
		{Truth, tocsin.Bool(true), "true"},
		{Word, tocsin.Text("rw,noatime"), "rw,noatime"},
		{Percent, tocsin.Text("ext4"), "ext4"},
		{Bytes, tocsin.Value{}, "no data"},
		{Bytes, tocsin.Number(math.NaN()), "no data"},
	}
	for _, test := range tests {
		if got := Format(test.unit, test.in); got != test.want {
			t.Errorf("%s of %v: got %q, want %q", test.unit, test.in, got, test.want)
		}
	}
}
