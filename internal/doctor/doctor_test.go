package doctor

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a machine of files, by their paths.
func host(t *testing.T, files map[string]string) Host {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Host{Root: root, Own: 7}
}

func wants(t *testing.T, name string, f Finding, grade Grade, text, fix string) {
	t.Helper()
	if f.Grade != grade || !strings.Contains(f.Text, text) || !strings.Contains(f.Fix, fix) || (fix == "") != (f.Fix == "") {
		t.Errorf("%s: got %+v", name, f)
	}
}

func TestInotify(t *testing.T) {
	const instances, watches = "proc/sys/fs/inotify/max_user_instances", "proc/sys/fs/inotify/max_user_watches"
	for name, tt := range map[string]struct {
		files map[string]string
		paths int
		grade Grade
		text  string
		fix   string
	}{
		"no check":         {nil, 0, Fine, "no check", ""},
		"room":             {map[string]string{instances: "128\n", watches: "8192\n"}, 20, Fine, "room for 20", ""},
		"few watches":      {map[string]string{instances: "128\n", watches: "1000\n"}, 20, Doubtful, "max_user_watches is 1000", "max_user_watches=1040"},
		"few instances":    {map[string]string{instances: "1\n", watches: "8192\n"}, 1, Doubtful, "max_user_instances is 1", "max_user_instances=8"},
		"nothing readable": {nil, 1, Doubtful, "cannot be read", ""},
		"nonsense":         {map[string]string{instances: "x"}, 1, Doubtful, "cannot be read", ""},
	} {
		wants(t, name, host(t, tt.files).Inotify(tt.paths), tt.grade, tt.text, tt.fix)
	}
}

func TestBootMark(t *testing.T) {
	const systemd, mark = "run/systemd/system/x", "var/lib/tocsin-boot/mark.json"
	wants(t, "no systemd", host(t, nil).BootMark("/"+mark), Doubtful, "systemd does not run", "")
	wants(t, "no mark", host(t, map[string]string{systemd: ""}).BootMark("/"+mark), Doubtful, "no mark of this boot", "tocsin-bootmark")
	wants(t, "a mark", host(t, map[string]string{systemd: "", mark: "{}"}).BootMark("/"+mark), Fine, "marked", "")
}

func TestProcesses(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing": {map[string]string{"proc/self/mounts": "proc /proc proc rw,nosuid 0 0\n", "proc/12/comm": "nginx\n"}, []string{"nothing in the way"}},
		"Monit and two agents": {map[string]string{
			"proc/1/comm": "monit\n", "proc/2/comm": "tocsin\n", "proc/2/cmdline": "tocsin\x00run\x00", "proc/3/comm": "tocsin\n", "proc/3/cmdline": "/usr/bin/tocsin\x00-c\x00x\x00run\x00",
		}, []string{"Monit runs (process 1)", "2 agents run"}},
		"whoever looks is no agent": {map[string]string{"proc/2/comm": "tocsin", "proc/2/cmdline": "tocsin\x00run\x00", "proc/7/comm": "tocsin", "proc/7/cmdline": "tocsin\x00run\x00"}, []string{"nothing in the way"}},
		"commands are no agents":    {map[string]string{"proc/2/comm": "tocsin", "proc/2/cmdline": "tocsin\x00run", "proc/3/comm": "tocsin", "proc/3/cmdline": "tocsin\x00status"}, []string{"nothing in the way"}},
		"processes that are hidden": {map[string]string{"proc/self/mounts": "proc /proc proc rw,hidepid=invisible 0 0\n"}, []string{"hidepid"}},
		"one that shows them":       {map[string]string{"proc/self/mounts": "proc /proc proc rw,hidepid=0 0 0\n"}, []string{"nothing in the way"}},
		"what vanishes meanwhile":   {map[string]string{"proc/9/other": ""}, []string{"nothing in the way"}},
	} {
		found := host(t, tt.files).Processes()
		if len(found) != len(tt.want) {
			t.Errorf("%s: got %+v", name, found)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(found[i].Text, want) {
				t.Errorf("%s: got %+v, want %q", name, found[i], want)
			}
		}
	}
}

func TestStateDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wants(t, "as it should be", StateDir(dir)[0], Fine, "MiB left", "")
	wants(t, "absent", StateDir(filepath.Join(dir, "none"))[0], Doubtful, "is not there", "start the agent")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	wants(t, "open to everybody", StateDir(open)[0], Wrong, "written by others", "chmod go-w")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, "a file", StateDir(file)[0], Wrong, "is no directory", "move it away")
}

func TestClockOfTheMoon(t *testing.T) {
	wants(t, "a clock without a battery", Clock(time.Date(1970, 1, 1, 0, 0, 5, 0, time.UTC)), Wrong, "1970-01-01", "systemd-timesyncd")
}

func TestReach(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	wants(t, "an open port", Reach(t.Context(), "relay", "127.0.0.1", port), Fine, "answers", "")
	_ = l.Close()
	wants(t, "a closed one", Reach(t.Context(), "relay", "127.0.0.1", port), Wrong, "takes no connection", "465")
	wants(t, "no such host", Reach(t.Context(), "relay", "host.invalid", 465), Wrong, "host.invalid", "resolv")
	if fix := blockedFix(25); !strings.Contains(fix, "465 or 587 or 2525") || !strings.Contains(fix, "never let 25 out") {
		t.Errorf("got %q", fix)
	}
}

func TestGradesInJSON(t *testing.T) {
	for _, g := range []Grade{Fine, Doubtful, Wrong} {
		data, err := json.Marshal(Finding{Grade: g})
		var back Finding
		if err != nil || json.Unmarshal(data, &back) != nil || back.Grade != g {
			t.Errorf("%s: got %s, %v", g, data, err)
		}
	}
	var f Finding
	if json.Unmarshal([]byte(`{"grade":"good"}`), &f) == nil {
		t.Error("got no error of an unknown grade")
	}
}
