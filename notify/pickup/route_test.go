package pickup

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/spool"
	"tocsin/notify/transport"
)

func TestRecipientsAreSplitByRoute(t *testing.T) {
	b := newBench(t)
	b.config.Domains = transport.Table{"example.org": {"lan"}}
	b.drop("one", "To: x@example.org, root\nSubject: hi\n\nbody\n", "x@example.org", "root", "y@example.org", "bob")
	b.look(1)
	want := []spool.Target{{Addresses: []string{"x@example.org", "y@example.org", "bob@example.org"}}, {Addresses: []string{"ops@example.com"}}}
	var got []spool.Target
	for _, w := range b.spool.Waiting() {
		got = append(got, w.Target)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
