package pickup

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tocsin"
	"tocsin/internal/durable"
)

// alarmEvery is how often one cause is told: whoever makes such files can make
// many.
const alarmEvery = time.Hour

func (c *Collector) overQuota(config Config, uid uint32, now time.Time) {
	cause := fmt.Sprintf("quota of user %d", uid)
	if !c.unsaid(cause, now) {
		return
	}
	who := fmt.Sprintf("%s (uid %d)", Sender{UID: uid, Name: c.name(uid, now)}.user(), uid)
	if uid == nameless {
		who = "all users without a name"
	}
	c.alarm(config, cause, fmt.Sprintf(
		"Programs of %s have sent mail to as many recipients as they may in an hour. The others wait in %s and go as the hour passes. The limit is messages_per_hour = %d in the pickup block (ten times that for root).",
		who, config.Dir, config.MessagesPerHour), now)
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
