// Package spool keeps what must be told until it is told. From the moment Put
// returns nil an item is delivered, or in badmail/ with the reason; it is
// never gone.
//
// The directory tree, each a directory of small files that ls, cat and mv
// understand:
//
//	queue/ID.item    what waits, immutable
//	queue/ID.hold    that a person keeps an item or a mail back
//	mail/ID.mail     which items make up one mail, and its bytes, immutable
//	mail/ID.state    how far that mail is, replaced with each attempt
//	sent/            what was delivered, for a while: items and mails
//	badmail/         what was refused: ID.eml beside ID.json with the reasons
//	corrupt/         torn or foreign files, kept for a person
//	pickup/          where other processes put items
//
// A mail is finished by one rename, from mail/ to sent/ or badmail/. Whatever
// a crash leaves is derived from where its files are.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tocsin/internal/durable"
)

// The directories of a spool.
const (
	queueDir   = "queue"
	mailDir    = "mail"
	sentDir    = "sent"
	badmailDir = "badmail"
	corruptDir = "corrupt"
	pickupDir  = "pickup"
)

// The endings of the files in them.
const (
	itemExt  = ".item"
	mailExt  = ".mail"
	stateExt = ".state"
)

// ErrFull says that the spool's memory for items that the disk does not take
// is used up.
var ErrFull = errors.New("no more room in memory")

// ErrWithdrawn says that what a mail is made of was dropped or put on hold.
var ErrWithdrawn = errors.New("withdrawn meanwhile")

// maxHeld is how many items are kept in memory while the disk takes none.
const maxHeld = 1000

// Spool is the spool of one agent. All methods are safe for concurrent use.
type Spool struct {
	dir string
	log *slog.Logger

	mu    sync.Mutex
	items map[string]*entry
	mails map[string]*letter
	// told holds the ids of items that are finished, as far as sent/ and
	// badmail/ remember.
	told map[string]bool
	// onHold holds the ids of mails and items that a person keeps back.
	onHold  map[string]bool
	changed chan struct{}
	damaged []string
	left    map[string]bool // files in pickup/ that are of a later version
	// arriving are items on their way from pickup/ to queue/.
	arriving map[string]Item
	// unsynced are finished mails that a power cut would bring back.
	unsynced durable.Later
	finished int       // how many
	since    time.Time // when the first was
	// remembered is how many bytes of messages are in memory, too.
	remembered int
}

// entry is an item in the queue.
type entry struct {
	item *Item    // immutable; its bytes are on the disk, unless it is held
	size int      // of its bytes
	raw  []byte   // the bytes once more, where there is room in memory; see remember
	keys []string // of its targets
	ids  []string // see Waiting.ID
	// mailed says of each target (by its key) which mail carries it.
	mailed map[string]string
	// finished counts the targets whose mail is finished.
	finished map[string]bool
	// held is an item in memory alone, because the disk did not take it.
	held bool
	// gone is closed when the item leaves the queue.
	gone chan struct{}
}

// letter is a mail that is not finished.
type letter struct {
	mail     Mail
	delivery Delivery
	// held is a mail in memory alone: the disk did not take it, or it is the
	// bytes of its only item.
	held bool
	// recorded says that its state may be on the disk.
	recorded bool
}

// Open opens the spool in dir and finishes what a crash left half done. The
// caller holds the lock of the state directory. What a later version wrote is a
// durable.ErrNewer, and stays as it is.
func Open(dir string, log *slog.Logger, now time.Time) (*Spool, error) {
	s := &Spool{
		dir: dir, log: log,
		items: make(map[string]*entry), mails: make(map[string]*letter), told: make(map[string]bool), onHold: make(map[string]bool),
		changed: make(chan struct{}, 1), arriving: make(map[string]Item), left: make(map[string]bool),
	}
	if err := Prepare(dir); err != nil {
		return nil, err
	}
	if err := s.recover(now); err != nil {
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	return s, nil
}

// Prepare makes the directories of a spool where they are missing.
func Prepare(dir string) error {
	for _, sub := range []string{"", queueDir, mailDir, sentDir, badmailDir, corruptDir, pickupDir} {
		if err := durable.MakeDir(filepath.Join(dir, sub)); err != nil {
			return fmt.Errorf("prepare spool: %w", err)
		}
	}
	return nil
}

// Changed yields after something was put, retried or dropped, once for any
// number of changes.
func (s *Spool) Changed() <-chan struct{} { return s.changed }

func (s *Spool) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // somebody will look anyway
	}
}

func (s *Spool) path(sub, id, ext string) string { return filepath.Join(s.dir, sub, id+ext) }

// Put makes an item durable. An id that is known already is not put again; one
// that was only held in memory is written now.
func (s *Spool) Put(item Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.items[item.ID]
	if s.told[item.ID] || (known && !e.held) {
		return nil
	}
	data, err := encode("item", item, item.Raw)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path(queueDir, item.ID, itemExt), data); err != nil {
		return fmt.Errorf("put %s: %w", item.ID, err)
	}
	if known {
		item.Raw = nil
		e.take(&item) // without the note that it is in memory alone
		e.held = false
		return nil
	}
	s.admit(item, false)
	return nil
}

// Hold keeps an item in memory after Put failed, so that it is sent all the
// same. It is not durable: the caller puts it again until that succeeds.
func (s *Spool) Hold(item Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.items[item.ID]; known || s.told[item.ID] {
		return nil
	}
	held := 0
	for _, e := range s.items {
		if e.held {
			held++
		}
	}
	if held >= maxHeld {
		return fmt.Errorf("hold %s: %w: %d items", item.ID, ErrFull, held)
	}
	s.admit(item, true)
	return nil
}

func (s *Spool) admit(item Item, held bool) {
	e := &entry{
		size: len(item.Raw), held: held, mailed: map[string]string{}, finished: map[string]bool{}, gone: make(chan struct{}),
	}
	e.take(&item)
	if !held {
		// Messages of others are large, and many may wait.
		s.remember(e, item.Raw)
		item.Raw = nil
	}
	s.items[item.ID] = e
	for id, l := range s.mails { // one that a power cut put back to pickup/
		if slices.Contains(l.mail.Items, item.ID) {
			s.items[item.ID].mailed[l.mail.key()] = id
		}
	}
	s.wake()
}

// take makes item that of the entry, with what is derived from its targets: a
// reload may have given it others than the one before had.
func (e *entry) take(item *Item) {
	e.item, e.keys, e.ids = item, item.keys(), make([]string, len(item.Targets))
	for i, key := range e.keys {
		e.ids[i] = waitingID(item.ID, key)
	}
}

// maxRemembered bounds the messages that are in memory, too, in bytes.
const maxRemembered = 256 << 10

// remember keeps the bytes of an item that has just come, mostly to go at once,
// so that they need not be read again.
func (s *Spool) remember(e *entry, raw []byte) {
	if s.remembered+len(raw) <= maxRemembered {
		e.raw = raw
		s.remembered += len(raw)
	}
}

// unload makes room for others.
func (s *Spool) unload(e *entry) {
	s.remembered -= len(e.raw)
	e.raw = nil
}

// Raw is the bytes of a queued message of another program. One whose file turns out
// to be damaged leaves the queue for corrupt/, and is an ErrUnknown.
func (s *Spool) Raw(id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw(id)
}

func (s *Spool) raw(id string) ([]byte, error) {
	e, ok := s.items[id]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", id, ErrUnknown)
	}
	if e.item.Raw != nil {
		return e.item.Raw, nil
	}
	if e.raw != nil {
		return e.raw, nil
	}
	item, err := readItem(s.path(queueDir, id, itemExt))
	if beyondRepair(err) {
		return nil, s.loseItem(id, err)
	}
	return item.Raw, err
}

// RawBytes is how many bytes of messages of other programs wait.
func (s *Spool) RawBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total int64
	for _, e := range s.items {
		total += int64(e.size)
	}
	return total
}

// Item returns a queued item, without the bytes of a message.
func (s *Spool) Item(id string) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.items[id]
	if !ok {
		return Item{}, false
	}
	return *e.item, true
}

// Gone is closed once the item with the id is not in the queue.
func (s *Spool) Gone(id string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.items[id]; ok {
		return e.gone
	}
	gone := make(chan struct{})
	close(gone)
	return gone
}

// readItem reads the item that a file is named after.
func readItem(path string) (Item, error) {
	data, err := readFile(path)
	if err != nil {
		return Item{}, err
	}
	var item Item
	body, err := decode("item", data, &item)
	if err != nil {
		return Item{}, err
	}
	if len(body) > 0 {
		item.Raw = body
	}
	if err := item.check(); err != nil {
		return Item{}, err
	}
	if filepath.Base(path) != item.ID+itemExt {
		return Item{}, fmt.Errorf("%w: holds item %s", ErrDamaged, item.ID)
	}
	return item, nil
}

// check refuses an item that could not be delivered.
func (i Item) check() error {
	if !validID(i.ID) || len(i.Targets) == 0 || (i.Event == nil) == (i.Raw == nil) {
		return fmt.Errorf("%w: item %q has no valid id, no target, or not either an event or a message", ErrDamaged, i.ID)
	}
	for _, t := range i.Targets {
		if len(t.Addresses) == 0 {
			return fmt.Errorf("%w: item %q has a target without an address", ErrDamaged, i.ID)
		}
	}
	return nil
}

// validID says whether id is safe as a file name: what NewID and the engine
// make, hexadecimal digits.
func validID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// list returns the names in dir with the ending ext, sorted.
func list(dir, ext string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == ext && !durable.IsTemp(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
