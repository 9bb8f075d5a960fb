package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/checks"
	"tocsin/internal/config"
)

const diskRules = `
mailserver "local" {
  host = "localhost"
  tls  = "none"
}

mail "ops" {
  to = ["ops@example.com"]
}

check "filesystem" "root" {
  path = "/"

  rule "full" {
    when = space.percent > 90
  }
}

check "filesystem" "disks" {
  mounts = ["/srv/*"]

  rule "full" {
    when = space.percent > 90
  }
}

check "filesystem" "disks:/srv/own" {
  path = "/srv/own"

  rule "full" {
    when = space.percent > 80
  }
}
`

// mounted is a host with these mounts.
func mounted(t *testing.T, points ...string) *checks.Host {
	t.Helper()
	proc := t.TempDir()
	text := "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	for i, p := range points {
		text += fmt.Sprintf("%d 27 9:%d / %s rw - ext4 /dev/md%d rw\n", 28+i, i, p, i)
	}
	if err := os.Mkdir(filepath.Join(proc, "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(proc, "1/mountinfo"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return checks.NewHost(proc)
}

func loaded(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, problems := config.LoadBytes([]byte(text), "rules.hcl", testOptions())
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	return cfg
}

func names(cfg *config.Config) string {
	var all []string
	for _, c := range cfg.Checks {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

// TestFollow opens a check for several file systems and lets them come and go.
func TestFollow(t *testing.T) {
	cfg := loaded(t, diskRules)
	if got := names(cfg); got != "root disks disks:/srv/own" {
		t.Fatalf("got %s before Open, want the checks of the file", got)
	}
	if err := cfg.Open(mounted(t, "/srv/b", "/srv/a", "/home", "/srv/own")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(cfg), "root disks:/srv/a disks:/srv/b disks:/srv/own"; got != want || len(cfg.Lacking()) > 0 {
		t.Errorf("got %s, lacking %q, want %s", got, cfg.Lacking(), want)
	}
	seen := map[string]bool{}
	for _, c := range cfg.Checks {
		if c.Reader == nil || len(c.Rules) != 1 || seen[c.Fingerprint] {
			t.Errorf("%s: got reader %v, %d rules, fingerprint %s, want one of each of its own", c.Name, c.Reader, len(c.Rules), c.Fingerprint)
		}
		seen[c.Fingerprint] = true
	}
	if next, fresh := cfg.Follow(mounted(t, "/srv/a", "/srv/b")); next != cfg || fresh != nil {
		t.Error("got another configuration, want the same for the same mounts")
	}
	next, fresh := cfg.Follow(mounted(t, "/srv/c", "/srv/b"))
	if got, want := names(next), "root disks:/srv/a disks:/srv/b disks:/srv/c disks:/srv/own"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(fresh) != 1 || fresh[0].Name != "disks:/srv/c" || names(cfg) != "root disks:/srv/a disks:/srv/b disks:/srv/own" {
		t.Errorf("got %v fresh and the old configuration with %s, want one and no change", fresh, names(cfg))
	}
	if next.Checks[1].Fingerprint != cfg.Checks[1].Fingerprint || next.Checks[1].Reader != cfg.Checks[1].Reader {
		t.Error("got another check for /srv/a, want that of before")
	}
	fresh[0].Rules[0].Reminder = time.Hour
	if next.Checks[3].Rules[0].Reminder != time.Hour || next.Checks[2].Rules[0].Reminder != 0 {
		t.Error("got rules that are shared, want each check its own")
	}
}

// TestFollowLacks opens a check for which nothing is there, and one for too
// much.
func TestFollowLacks(t *testing.T) {
	cfg := loaded(t, diskRules)
	if err := cfg.Open(mounted(t)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Lacking(), "; "); got != `check filesystem "disks": nothing here matches mounts` || names(cfg) != "root disks:/srv/own" {
		t.Errorf("got %s with %s", got, names(cfg))
	}
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("/srv/%03d", i)
	}
	next, fresh := cfg.Follow(mounted(t, many...))
	if got := strings.Join(next.Lacking(), "; "); len(fresh) != 256 || !strings.Contains(got, "300 match, and only 256 are watched") {
		t.Errorf("got %d, %s, want 256 and word of it", len(fresh), got)
	}
	others := make([]string, 10)
	for i := range others {
		others[i] = fmt.Sprintf("/srv/x%d", i)
	}
	next, fresh = next.Follow(mounted(t, others...))
	if got := names(next); len(fresh) != 10 || len(next.Checks) != 258 || strings.Contains(got, "/srv/009 ") || !strings.Contains(got, "/srv/010 ") {
		t.Errorf("got %d checks, %d of them fresh, want those that have gone to make room", len(next.Checks), len(fresh))
	}
	next, fresh = next.Follow(checks.NewHost(t.TempDir()))
	if got := strings.Join(next.Lacking(), "; "); len(fresh) != 0 || !strings.Contains(got, "read mounts") || len(next.Checks) != 258 {
		t.Errorf("got %s and %d checks, want the reason and all of them", got, len(next.Checks))
	}
	if _, ok := loaded(t, strings.Replace(diskRules, `mounts = ["/srv/*"]`, `path = "/srv"`, 1)).Several(); ok {
		t.Error("got a kind of which some check stands for several, want none")
	}
}
