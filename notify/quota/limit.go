// Package quota keeps a mail account within its provider's limits. It counts
// what was sent, durably and before it is sent, in sliding windows.
package quota

import "time"

// Limit is what one mail server may be asked to take. 0 means no limit.
type Limit struct {
	RecipientsPerSecond, RecipientsPerMinute, RecipientsPerHour, RecipientsPerDay int
	MessagesPerSecond, MessagesPerMinute, MessagesPerHour, MessagesPerDay         int
	RecipientsPerMessage                                                          int
	MessagesPerConnection                                                         int
	Connections                                                                   int
}

// Tighten returns the tighter of both limits, window by window.
func (l Limit) Tighten(o Limit) Limit {
	return Limit{
		RecipientsPerSecond:   tighter(l.RecipientsPerSecond, o.RecipientsPerSecond),
		RecipientsPerMinute:   tighter(l.RecipientsPerMinute, o.RecipientsPerMinute),
		RecipientsPerHour:     tighter(l.RecipientsPerHour, o.RecipientsPerHour),
		RecipientsPerDay:      tighter(l.RecipientsPerDay, o.RecipientsPerDay),
		MessagesPerSecond:     tighter(l.MessagesPerSecond, o.MessagesPerSecond),
		MessagesPerMinute:     tighter(l.MessagesPerMinute, o.MessagesPerMinute),
		MessagesPerHour:       tighter(l.MessagesPerHour, o.MessagesPerHour),
		MessagesPerDay:        tighter(l.MessagesPerDay, o.MessagesPerDay),
		RecipientsPerMessage:  tighter(l.RecipientsPerMessage, o.RecipientsPerMessage),
		MessagesPerConnection: tighter(l.MessagesPerConnection, o.MessagesPerConnection),
		Connections:           tighter(l.Connections, o.Connections),
	}
}

func tighter(a, b int) int {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	default:
		return min(a, b)
	}
}

// Window is one sliding window of a Limit.
type Window struct {
	Name   string // as in the rule file: "recipients_per_minute"
	Length time.Duration
	Max    int
	// Recipients says that recipients are counted, not messages.
	Recipients bool
}

// Windows lists the windows that are limited, shortest first.
func (l Limit) Windows() []Window {
	all := []Window{
		{"recipients_per_second", time.Second, l.RecipientsPerSecond, true},
		{"messages_per_second", time.Second, l.MessagesPerSecond, false},
		{"recipients_per_minute", time.Minute, l.RecipientsPerMinute, true},
		{"messages_per_minute", time.Minute, l.MessagesPerMinute, false},
		{"recipients_per_hour", time.Hour, l.RecipientsPerHour, true},
		{"messages_per_hour", time.Hour, l.MessagesPerHour, false},
		{"recipients_per_day", 24 * time.Hour, l.RecipientsPerDay, true},
		{"messages_per_day", 24 * time.Hour, l.MessagesPerDay, false},
	}
	limited := all[:0]
	for _, w := range all {
		if w.Max > 0 {
			limited = append(limited, w)
		}
	}
	return limited
}
