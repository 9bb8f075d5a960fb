package systemd

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTheUnitOfACgroup(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"unified", "0::/system.slice/tocsin.service\n", "tocsin.service"},
		{"hybrid", "12:memory:/user.slice\n1:name=systemd:/system.slice/tocsin.service\n0::/system.slice/other.service\n", "tocsin.service"},
		{"hybrid, nothing in v1", "1:name=systemd:/\n0::/system.slice/tocsin.service\n", "tocsin.service"},
		{"v1", "11:cpu,cpuacct:/\n1:name=systemd:/system.slice/tocsin.service", "tocsin.service"},
		{"delegated", "0::/system.slice/tocsin.service/supervisor\n", "tocsin.service"},
		{"instance", `0::/system.slice/system-tocsin.slice/tocsin@a\x2db.service`, `tocsin@a\x2db.service`},
		{"escaped", "0::/_memory.service", "memory.service"},
		{"deleted", "0::/system.slice/tocsin.service (deleted)\n", "tocsin.service"},
		{"user's service", "0::/user.slice/user-1.slice/user@1.service/app.slice/x.service\n", "x.service"},
		{"user's scope", "0::/user.slice/user-1.slice/user@1.service/app.slice/x.scope\n", ""},
		{"session", "0::/user.slice/user-0.slice/session-3.scope\n", ""},
		{"container", "0::/../..\n", ""},
		{"root", "0::/\n", ""},
		{"nothing", "", ""},
		{"nonsense", "::\n:\n\n0:/x.service\n0::x\x1b.service\n", ""},
	} {
		if got := unitOf(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWithoutAManagerThereIsNoUnit(t *testing.T) {
	t.Setenv("INVOCATION_ID", "")
	if UnderManager() || OwnUnit() != "" {
		t.Errorf("got %v, %q", UnderManager(), OwnUnit())
	}
	t.Setenv("INVOCATION_ID", strings.Repeat("a", 32))
	for pid, want := range map[string]bool{"": true, strconv.Itoa(os.Getpid()): true, strconv.Itoa(os.Getppid()): false} {
		t.Setenv("SYSTEMD_EXEC_PID", pid)
		if UnderManager() != want {
			t.Errorf("started by the manager as %q: got %t, want %t", pid, !want, want)
		}
	}
	_ = OwnUnit() // whatever runs the tests
}

func FuzzUnitOf(f *testing.F) {
	f.Add("1:name=systemd:/system.slice/tocsin.service\n0::/a/_b.service/c (deleted)\n")
	f.Fuzz(func(t *testing.T, text string) {
		if unit := unitOf(text); unit != "" && (!isUnitName(unit) || !strings.HasSuffix(unit, ".service")) {
			t.Errorf("got %q", unit)
		}
	})
}

func TestSafe(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 8, ""},
		{"a\r\nb\tc", 8, "a  b c"},
		{" kernel\x00\x1b[0m\u202e ", 64, "kernel\ufffd\ufffd[0m\ufffd"},
		{"\xff\xfe", 64, "\ufffd\ufffd"},
		{"ééé", 6, "ééé"},
		{"éééé", 7, "éé…"},
		{"\xff\xff\xff", 8, "\ufffd…"},
		{"👩\u200d🔬", 64, "👩\u200d🔬"},
		{strings.Repeat("x", 1<<20), 6, "xxx…"},
	} {
		if got := safe(c.in, c.limit); got != c.want {
			t.Errorf("%.20q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// checkSafe fails unless text may be printed.
func checkSafe(t *testing.T, text string, limit int) {
	t.Helper()
	if len(text) > limit || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("not safe, %d bytes: %q", len(text), text)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\xffb\u202e\n", 10)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 3 + min(max(limit, 0), 4096)
		got := safe(text, limit)
		checkSafe(t, got, limit)
		if again := safe(got, limit); again != got {
			t.Errorf("%q became %q", got, again)
		}
	})
}

func TestUnitNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a.service": true, `dev-disk-by\x2did.swap`: true, "a@.timer": true, "-.mount": true,
		".service": false, "a": false, "a b.service": false, "a/b.service": false, "a\n.service": false,
		strings.Repeat("a", 300) + ".service": false, "--root=x": false, "é.service": false,
	} {
		if got := isUnitName(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
