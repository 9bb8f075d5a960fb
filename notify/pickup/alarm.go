package pickup

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// alarmEvery is how often one cause is told: whoever makes such files can make
// many.
const alarmEvery = time.Hour

// Quarantine is where files go that are no mail: beside the drop directory, for
// a person to look at. Each has a NAME.why that says what it was.
func Quarantine(dir string) string { return filepath.Join(filepath.Dir(dir), "quarantine") }

// asidePrefix begins the name of what could not be moved to the quarantine.
const asidePrefix = ".quarantine-"

// quarantine moves a file away and tells of it.
func (c *Collector) quarantine(config Config, name, cause string, reason error, now time.Time) {
	from := filepath.Join(config.Dir, name)
	kept := spool.NewID()[:8] + "-" + safeName(name)
	to := filepath.Join(Quarantine(config.Dir), kept)
	err := ownDir(filepath.Dir(to))
	if err == nil {
		err = durable.WriteFile(to+".why", fmt.Appendf(nil, "%s: %s\n%v\n", now.Format(time.RFC3339), shown(name), reason))
	}
	if err == nil {
		err = durable.Rename(durable.Move{From: from, To: to})
	}
	if err != nil {
		// A directory of somebody else cannot be moved to another one, and the
		// quarantine may be on another mount. It is out of the way all the same.
		c.Log.Warn("file not moved to the quarantine, it stays under another name", "name", name, "err", err)
		to = filepath.Join(config.Dir, asidePrefix+kept)
		err = durable.Rename(durable.Move{From: from, To: to})
	}
	if err != nil {
		c.Log.Error("file not quarantined", "name", name, "err", err)
		to = from
	}
	c.Log.Warn("dropped file quarantined", "name", name, "to", to, "err", reason)
	c.alarm(config, cause, fmt.Sprintf("A file in %s was not sent: %v.\nIt is kept as %s.", config.Dir, reason, to), now)
}

// ownDir makes a directory of our own: where others may make files, one of
// somebody else may be there.
func ownDir(dir string) error {
	if err := durable.MakeDir(dir); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil || int(st.Uid) != os.Geteuid() || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("%s: %w: it belongs to somebody else", dir, fs.ErrPermission)
	}
	return nil
}

// safeName is a name that a terminal and a shell can take.
func safeName(name string) string {
	const longest = 100
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(nameChars, r) {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), longest)]
}

func (c *Collector) overQuota(config Config, uid uint32, now time.Time) {
	cause := fmt.Sprintf("quota of user %d", uid)
	if !c.unsaid(cause, now) {
		return
	}
	who := Sender{UID: uid, Name: c.User(uid)}
	c.alarm(config, cause, fmt.Sprintf(
		"Programs of %s (uid %d) have sent as many mails as they may in an hour. The others wait in %s and go as the hour passes. The limit is messages_per_hour = %d in the pickup block (ten times that for root).",
		who.user(), uid, config.Dir, config.MessagesPerHour), now)
}

// alarm tells a person, once an hour for each cause.
func (c *Collector) alarm(config Config, cause, text string, now time.Time) {
	const most = 1000 // causes that are remembered
	if !c.unsaid(cause, now) {
		return
	}
	if c.alarms == nil || len(c.alarms) >= most {
		c.alarms = make(map[string]time.Time)
	}
	c.alarms[cause] = now
	ev := tocsin.Event{
		ID: tocsin.Identify("pickup", cause, now.UTC().Format(time.RFC3339Nano)), Type: tocsin.Changed, Name: "Mail not sent",
		Host: config.Host, Kind: "pickup", Check: "pickup", Rule: cause, Severity: tocsin.Warning,
		Description: text, Action: "alert", At: now, Since: now,
	}
	c.Log.Error("mail of another program is not sent", "cause", cause, "text", text)
	if err := c.Desk.Emit(ev); err != nil {
		c.Log.Error("event not durable, sent from memory", "event", ev.ID, "err", err)
	}
}

func (c *Collector) unsaid(cause string, now time.Time) bool {
	last, told := c.alarms[cause]
	return !told || now.Sub(last).Abs() >= alarmEvery
}

// MaxSizeName is the file beside the drop directory that says to everybody how
// large a message may be: the sendmail command may not read the rule file.
const MaxSizeName = "max_size"

// publish writes what the sendmail command must know. Without it the command
// goes by the default.
func (c *Collector) publish(config Config) {
	text := fmt.Sprintf("%d\n", config.MaxSize)
	path := filepath.Join(filepath.Dir(config.Dir), MaxSizeName)
	if path+text == c.published {
		return
	}
	c.published = path + text
	if config.MaxSize == DefaultMaxSize {
		if _, err := os.Lstat(path); err != nil {
			return
		}
	}
	if err := durable.WriteFile(path, []byte(text)); err != nil {
		c.Log.Warn("size limit not published, the sendmail command takes the default", "err", err)
		return
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // it is for everybody
		c.Log.Warn("size limit not published, the sendmail command takes the default", "err", err)
	}
}
