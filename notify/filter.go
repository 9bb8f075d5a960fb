package notify

import (
	"slices"
	"strings"
	"sync"

	"tocsin"
)

// Filter says which events somebody wants. The zero Filter admits every event.
type Filter struct {
	// Only admits events that one of the words is for; nil admits all.
	Only []string
	// Not refuses events that one of the words is for.
	Not []string
}

// Admits says whether an event passes. It is decided for the failure: a
// reminder, an escalation and a recovery pass where that did, unless their own
// type is refused. The end of an incident passes where one of those that told of
// it did, whatever a reload has made of its rule.
func (f Filter) Admits(ev *tocsin.Event) bool {
	if len(f.Only)+len(f.Not) == 0 {
		return true
	}
	if ev.Type == tocsin.Recovered && ev.Mark != nil && len(ev.Mark.Terms) > 0 {
		return slices.ContainsFunc(ev.Mark.Terms, func(t tocsin.Terms) bool { return f.passes(append(wordsOfType(ev.Type), wordsOf(t)...)) })
	}
	return f.passes(append(wordsOfType(ev.Type), wordsOf(ev.Terms())...))
}

// passes says whether what the words are for passes.
func (f Filter) passes(words []string) bool {
	one := func(word string) bool { return slices.Contains(words, word) }
	return (len(f.Only) == 0 || slices.ContainsFunc(f.Only, one)) && !slices.ContainsFunc(f.Not, one)
}

// AdmitsEnd says whether the end of an incident passes for somebody who was told
// of it: unless its type is refused, or only other types are admitted.
func (f Filter) AdmitsEnd() bool {
	words := wordsOfType(tocsin.Recovered)
	other := func(word string) bool { return !isType(word) || slices.Contains(words, word) }
	return (len(f.Only) == 0 || slices.ContainsFunc(f.Only, other)) && !slices.ContainsFunc(f.Not, func(word string) bool { return slices.Contains(words, word) })
}

func isType(word string) bool { return slices.Contains(tocsin.EventTypes(), tocsin.EventType(word)) }

// FilterWords are the words of filters, sorted: the types of events, the
// severities, Monit's names of what failed, and the first part of some metrics.
func FilterWords() []string {
	var all []string
	for _, t := range tocsin.EventTypes() {
		all = append(all, string(t))
	}
	for _, s := range []tocsin.Severity{tocsin.Info, tocsin.Warning, tocsin.Critical} {
		all = append(all, s.String())
	}
	for _, k := range monitKinds() {
		all = append(all, k.word)
	}
	all = append(all, metricWords()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// FilterWord is Monit's word for events with the name; empty when it has none.
func FilterWord(name string) string { return wordsByName()[name] }

// wordsOfType are the words that are for a type of events.
func wordsOfType(t tocsin.EventType) []string {
	words := []string{string(t)}
	if t.TellsFailure() || t == tocsin.Recovered {
		words = append(words, string(tocsin.Failed))
	}
	return words
}

// wordsOf are the words that are for what an event is about.
func wordsOf(t tocsin.Terms) []string {
	words := []string{t.Severity.String()}
	if word := FilterWord(t.Name); word != "" {
		words = append(words, word)
	}
	if word, _, _ := strings.Cut(t.Metric, "."); slices.Contains(metricWords(), word) {
		words = append(words, word)
	}
	return words
}

// metricWords are for events of rules about metrics that begin so: Monit has
// "resource" for most of them.
func metricWords() []string {
	return []string{
		"children", "cpu", "disk", "fds", "inodes", "load", "memory", "pressure", "processes", "read", "receive", "space", "swap", "threads", "transmit",
		"write",
	}
}

// monitKind is a word of Monit's event filters and the names of the events that
// it is for, in Monit 5.33 (event.c) and here.
type monitKind struct {
	word  string
	names []string // that fail, that end
}

func monitKinds() []monitKind {
	return []monitKind{
		{"bytein", []string{"Download bytes exceeded", "Download bytes ok"}},
		{"byteout", []string{"Upload bytes exceeded", "Upload bytes ok"}},
		{"checksum", []string{"Checksum failed", "Checksum succeeded"}},
		{"connection", []string{"Connection failed", "Connection succeeded"}},
		{"content", []string{"Content failed", "Content succeeded"}},
		{"data", []string{"Data access error", "Data access succeeded"}},
		{"exec", []string{"Execution failed", "Execution succeeded"}},
		{"fsflags", []string{"Filesystem flags failed", "Filesystem flags succeeded"}},
		{"gid", []string{"GID failed", "GID succeeded"}},
		{"icmp", []string{"Ping failed", "Ping succeeded"}},
		{"invalid", []string{"Invalid type", "Type succeeded"}},
		{"link", []string{"Link down", "Link up"}},
		{"nonexist", []string{"Does not exist", "Exists"}},
		{"packetin", []string{"Download packets exceeded", "Download packets ok"}},
		{"packetout", []string{"Upload packets exceeded", "Upload packets ok"}},
		{"permission", []string{"Permission failed", "Permission succeeded"}},
		{"pid", []string{"PID failed", "PID succeeded"}},
		{"ppid", []string{"PPID failed", "PPID succeeded"}},
		{"resource", []string{"Resource limit matched", "Resource limit succeeded"}},
		{"saturation", []string{"Saturation exceeded", "Saturation succeeded"}},
		{"security", []string{"Security attribute failed", "Security attribute succeeded"}},
		{"size", []string{"Size failed", "Size succeeded"}},
		{"speed", []string{"Speed failed", "Speed succeeded", "Link mode failed", "Link mode succeeded"}},
		{"status", []string{"Status failed", "Status succeeded", "Unit failed", "Unit recovered"}},
		{"timeout", []string{"Timeout", "Timeout recovery"}},
		{"timestamp", []string{"Timestamp failed", "Timestamp succeeded"}},
		{"uid", []string{"UID failed", "UID succeeded"}},
		{"uptime", []string{"Uptime failed", "Uptime succeeded"}},
	}
}

// wordsByName is made once: a filter asks with every event.
var wordsByName = sync.OnceValue(func() map[string]string { //nolint:gochecknoglobals // made once, never changed
	words := make(map[string]string)
	for _, k := range monitKinds() {
		for _, name := range k.names {
			words[name] = k.word
		}
	}
	return words
})
