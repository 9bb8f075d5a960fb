package mx

import (
	"errors"
	"net"
	"testing"
)

// nameServer answers every question with a code and nothing else.
func nameServer(t *testing.T, code byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		question := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			answer := question[:n]
			end := 12
			for end < n && answer[end] != 0 {
				end += int(answer[end]) + 1
			}
			answer = answer[:min(n, end+5)]                  // the question alone, without what EDNS adds
			answer[2], answer[3] = answer[2]|0x80, 0x80|code // an answer; recursion is available
			answer[6], answer[7], answer[10], answer[11] = 0, 0, 0, 0
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return conn.LocalAddr().String()
}

func TestWhatANameServerSays(t *testing.T) {
	for code, want := range map[byte]error{0: ErrNoRecord, 3: ErrNoDomain, 2: nil, 5: nil} {
		dns := DNS{Server: nameServer(t, code)}
		for _, kind := range []Kind{MX, Address} {
			records, err := dns.Lookup(t.Context(), kind, "nothing.example.org")
			temporary := !errors.Is(err, ErrNoDomain) && !errors.Is(err, ErrNoRecord)
			if err == nil || want != nil && !errors.Is(err, want) || want == nil && !temporary {
				t.Errorf("code %d, kind %d: got %v, %v, want %v", code, kind, records, err, want)
			}
		}
	}
}
