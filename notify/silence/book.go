package silence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/durable"
)

// ErrUnknown says that nothing of that name is silenced.
var ErrUnknown = errors.New("no such silence")

// ErrRefused is for a silence that cannot be.
var ErrRefused = errors.New("not silenced")

// The limits of what a person may ask for.
const (
	maxSilences = 1000
	maxReason   = 500 // bytes
)

// Book keeps the silences, also over a restart, and knows the maintenances. All
// methods are safe for concurrent use.
type Book struct {
	path string

	mu       sync.Mutex
	kept     file
	unsaved  bool // kept is not what the disk has
	planned  []Maintenance
	watchers []func()
	// then is what was in force at moment: many ask about one moment, once for
	// each check or item.
	moment time.Time
	then   []Spell
}

// file is the book on disk.
type file struct {
	Version  int     `json:"version"`
	Last     int     `json:"last"` // the number of the newest silence
	Silences []Spell `json:"silences"`
	// Ended are the maintenances that were ended before their time.
	Ended []Spell `json:"ended,omitempty"`
}

const fileVersion = 1

// Open opens the book at path, or begins a new one. A damaged file is moved
// aside to path.damaged, one of a later version to path.version-N, and damaged
// says why: what it silenced is told then. No silence keeps an agent from
// starting.
func Open(path string) (b *Book, damaged error) {
	b = &Book{path: path, kept: file{Version: fileVersion}}
	f, bad := load(path)
	if bad == nil {
		b.kept = f
		return b, nil
	}
	aside := path + ".damaged"
	if errors.Is(bad, durable.ErrNewer) {
		aside = fmt.Sprintf("%s.version-%d", path, f.Version)
	}
	damaged = fmt.Errorf("open silences %s, which is now %s: %w", path, filepath.Base(aside), bad)
	if err := durable.Rename(durable.Move{From: path, To: aside}); err != nil {
		damaged = errors.Join(damaged, err) // the next silence replaces it, or says why not
	}
	return b, damaged
}

// Read reads the book at path, whoever it belongs to, for somebody who only
// looks: what is silenced by the file and by the maintenances. One that is
// damaged or not there silences nothing.
func Read(path string, planned []Maintenance) *Book {
	b := &Book{path: path, planned: planned, kept: file{Version: fileVersion}}
	if f, err := load(path); err == nil {
		b.kept = f
	}
	return b
}

// maxBook bounds what is read of the file, in bytes.
const maxBook = 64 << 20

// load reads the file at path; one that is not there is empty.
func load(path string) (file, error) {
	f := file{Version: fileVersion}
	data, err := durable.ReadFile(path, maxBook)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if v := durable.Version(data); v > fileVersion { // whatever else is in it
		return file{Version: v}, durable.Newer(v, fileVersion)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Version != fileVersion {
		return f, fmt.Errorf("version %d, not %d", f.Version, fileVersion)
	}
	return f, nil
}

// Watch has f called after each change.
func (b *Book) Watch(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(b.watchers, f)
}

// Plan replaces the maintenances.
func (b *Book) Plan(all []Maintenance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.planned = all
	b.tell()
}

// tell lets everybody know of a change. The caller holds mu.
func (b *Book) tell() {
	b.moment, b.then = time.Time{}, nil
	for _, f := range b.watchers {
		go f()
	}
}

// Begin silences from now on, and returns once that is durable. What cannot be
// written is in force all the same: a full disk is when somebody wants a silence.
// The error says so then, beside the spell.
func (b *Book) Begin(about About, until time.Time, reason, by string, now time.Time) (Spell, error) {
	switch {
	case !until.After(now):
		return Spell{}, fmt.Errorf("%w: its end, %s, is over", ErrRefused, until.Format(time.DateTime))
	case until.Sub(now) > Longest:
		return Spell{}, fmt.Errorf("%w: a silence lasts at most %d days; for what comes back there are maintenance blocks", ErrRefused, int(Longest.Hours()/24))
	case len(reason) > maxReason:
		return Spell{}, fmt.Errorf("%w: a reason has at most %d bytes", ErrRefused, maxReason)
	case about.isZero():
		return Spell{}, fmt.Errorf("%w: of what?", ErrRefused)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.pruned(now)
	if len(next.Silences) >= maxSilences {
		return Spell{}, fmt.Errorf("%w: there are %d silences; end some", ErrRefused, len(next.Silences))
	}
	next.Last++
	s := Spell{Name: strconv.Itoa(next.Last), About: about, From: now, Until: until, Reason: oneLine(reason), By: by}
	next.Silences = append(next.Silences, s)
	if err := b.keep(next); err != nil {
		return s, fmt.Errorf("silence %s: done, but not on disk, so that a restart of the agent may forget it: %w", s.Name, err)
	}
	return s, nil
}

// End ends the spells with the name, or all that are about no more than it:
// the number of a silence, the name of a maintenance, or the check, kind or
// group that was silenced. Where there are none, it is those of the checks of the
// name that were silenced by their kind and name.
func (b *Book) End(name string, now time.Time) ([]Spell, error) {
	meant := func(s Spell) bool { return s.Name == name || s.only(name) }
	if !slices.ContainsFunc(b.List(now), meant) {
		meant = func(s Spell) bool { return s.checksOf(name) }
	}
	return b.end(meant, name, now)
}

// EndAll ends every spell that is in force.
func (b *Book) EndAll(now time.Time) ([]Spell, error) {
	return b.end(func(Spell) bool { return true }, "", now)
}

func (b *Book) end(meant func(Spell) bool, name string, now time.Time) ([]Spell, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ended []Spell
	next := b.pruned(now)
	for _, s := range b.inForce(now) {
		if !meant(s) {
			continue
		}
		ended = append(ended, s)
		if s.Maintenance {
			next.Ended = append(next.Ended, s)
		}
	}
	if len(ended) == 0 && name != "" {
		return nil, fmt.Errorf("%w: %q; \"tocsin silence list\" has those that there are", ErrUnknown, name)
	}
	next.Silences = slices.DeleteFunc(next.Silences, meant)
	if err := b.keep(next); err != nil {
		return ended, fmt.Errorf("ended, but not on disk, so that a restart of the agent may bring it back: %w", err)
	}
	return ended, nil
}

// keep puts the book in force and makes it durable; the error says that it is in
// force only. The caller holds mu.
func (b *Book) keep(next file) error {
	b.kept, b.unsaved = next, true
	b.tell()
	return b.save()
}

// save writes the book as a whole, so that the disk has the one before or this
// one. The caller holds mu.
func (b *Book) save() error {
	data, err := json.Marshal(b.kept)
	if err != nil {
		return fmt.Errorf("keep silences: %w", err)
	}
	if err := durable.WriteFile(b.path, data); err != nil {
		return fmt.Errorf("keep silences: %w", err)
	}
	b.unsaved = false
	return nil
}

// Settle tries once more to write what could not be written, and says whether it
// now is. It is cheap where nothing is.
func (b *Book) Settle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unsaved && b.save() == nil
}

// pruned is the book without what is over. The caller holds mu.
func (b *Book) pruned(now time.Time) file {
	next := b.kept
	over := func(s Spell) bool { return !s.in(now) }
	next.Silences = slices.DeleteFunc(slices.Clone(next.Silences), over)
	next.Ended = slices.DeleteFunc(slices.Clone(next.Ended), over)
	return next
}

// List is all that is in force, what ends first before the others.
func (b *Book) List(now time.Time) []Spell {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.inForce(now))
	slices.SortStableFunc(all, func(x, y Spell) int { return x.Until.Compare(y.Until) })
	return all
}

// inForce is List without its order. The caller holds mu, and changes nothing in
// what it gets.
func (b *Book) inForce(now time.Time) []Spell {
	if !b.moment.IsZero() && b.moment.Equal(now) {
		return b.then
	}
	b.moment, b.then = now, b.at(now)
	return b.then
}

// at is what is in force at a moment. The caller holds mu.
func (b *Book) at(now time.Time) []Spell {
	var all []Spell
	for _, s := range b.kept.Silences {
		if s.in(now) {
			all = append(all, s)
		}
	}
	for _, m := range b.planned {
		from, until, ok := m.Window(now)
		if !ok {
			continue
		}
		s := Spell{Name: m.Name, Maintenance: true, About: m.About, From: from, Until: until, Reason: m.Reason}
		if !slices.ContainsFunc(b.kept.Ended, func(e Spell) bool { return e.Key() == s.Key() }) {
			all = append(all, s)
		}
	}
	return all
}

// Over is the spell that holds an event back: of several the one that ends last.
func (b *Book) Over(ev *tocsin.Event, now time.Time) (Spell, bool) {
	return b.Of(ev.Kind, ev.Check, ev.Groups, now)
}

// Of is Over for the events of a check.
func (b *Book) Of(kind, check string, groups []string, now time.Time) (last Spell, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.inForce(now) {
		if s.Covers(kind, check, groups) && s.Until.After(last.Until) {
			last, ok = s, true
		}
	}
	return last, ok
}

// Until is when the spell with the key ends; the zero time when it has ended.
func (b *Book) Until(key string, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.inForce(now) {
		if s.Key() == key {
			return s.Until
		}
	}
	return time.Time{}
}

// Still is until when an event is held back that the spell with the key held
// back once: when that has ended by another one's, which covers it. The zero time
// is that nothing does.
func (b *Book) Still(key string, ev *tocsin.Event, now time.Time) time.Time {
	if until := b.Until(key, now); !until.IsZero() {
		return until
	}
	s, _ := b.Over(ev, now)
	return s.Until
}

// oneLine is text in one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
