//go:build e2esystemd

package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alpine is run where OpenRC looks after services: what a person and apk(8) do,
// each with a line that says how it went.
const alpine = `#!/bin/sh
step() { name=$1; shift; "$@" >/out 2>&1; echo "== $name: $?"; cat /out; }
up() { # the agent answers
	n=0
	while [ $n -lt 100 ]; do
		tocsin status >/dev/null 2>&1
		[ $? -ne 3 ] && return
		n=$((n + 1))
		sleep 0.1
	done
	return 1
}
/bb/sh /scripts/.post-install
echo "== installed: $?"
stat -c '%n %a %U:%G' /etc/tocsin /etc/tocsin/tocsin.hcl /var/lib/tocsin /var/spool/tocsin/pickup
mkdir -p /run/openrc
openrc default >/dev/null 2>&1
step started rc-service tocsin start
step up up
step status tocsin status
step reloaded rc-service tocsin reload
before=$(cat /run/openrc/options/tocsin/child_pid 2>/dev/null || pgrep -f '^/usr/bin/tocsin run')
/bb/sh /scripts/.post-upgrade >/dev/null 2>&1
echo "== upgraded: $?"
step again up
[ "$before" != "$(pgrep -f '^/usr/bin/tocsin run')" ]
echo "== another: $?"
step removed /bb/sh /scripts/.pre-deinstall
step gone tocsin status
`

// busyboxUsers are BusyBox's own programs that Debian's build of it lacks, by way
// of those of shadow. Other options than Alpine's are wrong usage.
const (
	addgroup = "#!/bin/sh\n[ \"$1\" = -S ] && [ $# -eq 2 ] && exec groupadd --system \"$2\"\nexit 2\n"
	adduser  = `#!/bin/sh
while getopts SDHh:s:G:g: o; do
	case $o in
	h) home=$OPTARG ;;
	s) shell=$OPTARG ;;
	G) group=$OPTARG ;;
	g) comment=$OPTARG ;;
	S | D | H) ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
exec useradd --system --no-create-home --home-dir "$home" --shell "$shell" --gid "$group" --comment "$comment" "$1"
`
)

// TestOpenRC: the package for Alpine under OpenRC, its scripts run by BusyBox. The
// rest of that machine is Debian's.
func TestOpenRC(t *testing.T) {
	t.Parallel()
	need(t)
	ctx := deadline(t, 5*time.Minute)
	dir := t.TempDir()
	root := directoryRoot(ctx, t, dir)
	parts, _ := filepath.Glob(filepath.Join(filepath.Dir(rootfs()), "openrc", "*.deb"))
	if len(parts) != 4 {
		t.Fatalf("got the packages %q, want four: run e2e/systemd/setup", parts)
	}
	for _, part := range parts {
		run(ctx, t, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`, "unpack", part, root)
	}
	packages, _ := filepath.Glob(filepath.Join(buildFormat(ctx, t, dir, "1.0", "apk"), "*.apk"))
	if len(packages) != 1 {
		t.Fatalf("got the packages %q, want one", packages)
	}
	put := putter(t, root)
	put("scripts/.keep", "", 0o644)
	// Three archives, one behind the other: signature or not, control, contents.
	run(ctx, t, "sh", "-c", `tar -xzf "$1" --keep-directory-symlink --exclude=.PKGINFO -C "$2" 2>/dev/null; mv "$2"/.p* "$2/scripts/"`, "unpack", packages[0], root)
	put("alpine", alpine, 0o755)
	put("shim/addgroup", addgroup, 0o755)
	put("shim/adduser", adduser, 0o755)
	put("etc/insserv.conf", "", 0o644)
	put("etc/init.d/localmount", "#!/sbin/openrc-run\nstart() { :; }\n", 0o755)
	must(t, os.MkdirAll(filepath.Join(root, "bb"), 0o755))
	run(ctx, t, "chroot", root, "/bin/busybox", "--install", "-s", "/bb")

	cmd := exec.CommandContext(ctx, "systemd-nspawn", "--quiet", "--directory="+root, "--machine=openrc", "--as-pid2", "--register=no", "--keep-unit", "--private-network",
		"--setenv=PATH=/shim:/usr/sbin:/usr/bin:/sbin:/bin:/bb", "/bin/sh", "/alpine")
	out, err := cmd.CombinedOutput()
	t.Logf("%v\n%s", err, out)
	for _, want := range []string{
		"== installed: 0", "/etc/tocsin 750 root:tocsin", "/etc/tocsin/tocsin.hcl 640 root:tocsin", "/var/lib/tocsin 700 tocsin:tocsin", "/var/spool/tocsin/pickup 1733 tocsin:tocsin",
		"== started: 0", "== up: 0", "== status: 0", "system machine", "== reloaded: 0", "nothing changed",
		"== upgraded: 0", "== again: 0", "== another: 0", "== removed: 0", "== gone: 3", "the agent is not running",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q", want)
		}
	}
}
