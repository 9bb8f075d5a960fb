package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

const (
	// maxNews is how much of a file one reading reads.
	maxNews = 8 << 20
	// knownBytes before the position tell whether it is still the same text.
	knownBytes = 64
	// maxSiblings is among how many entries a rotated file is looked for.
	maxSiblings = 4096
)

func contentMetrics() []string { return []string{"content.line", "content.matches", "content.unread"} }

// validContent says what is wrong with the attributes "content" and "ignore".
func validContent(text string) error {
	if text == "" {
		return errors.New("pattern is empty: it would match every line; write \".\" for any line that is not empty")
	}
	_, err := compilePattern(text)
	return err
}

// grep finds the lines that count.
type grep struct {
	content, ignore *regexp.Regexp // ignore is nil without one
}

func newGrep(content, ignore string) (*grep, error) {
	g := &grep{}
	var err error
	if g.content, err = compilePattern(content); err == nil && ignore != "" {
		g.ignore, err = compilePattern(ignore)
	}
	return g, err
}

func (g *grep) matches(line []byte) bool {
	return g.content.Match(line) && (g.ignore == nil || !g.ignore.Match(line))
}

// cursor is how far a file was read. It lives in memory only: what is written
// while the agent is down is not looked at. A nil cursor begins at the end of
// the file, a zero one at the beginning of the next file that is there.
type cursor struct {
	dev, inode uint64
	key        pathKey // of the file when it was read last
	offset     int64
	known      []byte // the last knownBytes before offset
	lines      lines
}

func (c *cursor) clone() *cursor {
	return &cursor{dev: c.dev, inode: c.inode, key: c.key, offset: c.offset, known: bytes.Clone(c.known), lines: c.lines.clone()}
}

// missing is the news when there is no file: the next one is new as a whole.
func (c *cursor) missing() news {
	if c == nil {
		c = &cursor{}
	}
	return news{cursor: c}
}

// at says whether the cursor is in that file.
func (c *cursor) at(s *unix.Stat_t) bool { return c.dev == s.Dev && c.inode == s.Ino }

// news is what was appended to a file.
type news struct {
	cursor  *cursor
	matches int
	line    string // the last that matched
	unread  int64  // bytes
}

// read reads on from the cursor, which it does not change, until the end of
// the file, maxNews or the end of ctx. Where the file at the path is another
// than before, it first reads the rest of that one, if it was renamed within
// its directory.
func (g *grep) read(ctx context.Context, path string, found *unix.Stat_t, from *cursor) (news, error) {
	if from != nil && from.key == keyOf(found) && from.offset == found.Size {
		return news{cursor: from}, nil
	}
	file, err := openRegular(path, found)
	if err != nil {
		return news{cursor: from}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if from == nil {
		c := &cursor{dev: found.Dev, inode: found.Ino, key: keyOf(found), offset: found.Size}
		if err := c.learn(file); err != nil {
			return news{}, err
		}
		return news{cursor: c}, nil
	}
	n := news{cursor: from.clone()}
	budget := int64(maxNews)
	if n.cursor.inode != 0 && !n.cursor.at(found) {
		if err := g.finish(ctx, filepath.Dir(path), &n, &budget); err != nil {
			return news{cursor: from}, err
		}
		if n.unread > 0 {
			return n, nil
		}
		n.cursor = &cursor{}
	}
	if !n.cursor.at(found) || !n.cursor.knows(file, found.Size) {
		n.cursor = &cursor{dev: found.Dev, inode: found.Ino}
	}
	if err := g.follow(ctx, file, &n, &budget); err != nil {
		return news{cursor: from}, err
	}
	n.cursor.key = keyOf(found)
	return n, nil
}

// finish reads the rest of the file that the cursor is in, under its new name.
func (g *grep) finish(ctx context.Context, dir string, n *news, budget *int64) error {
	old := n.cursor.search(ctx, dir)
	if old == nil {
		return nil // it was removed, packed or moved far away
	}
	defer func() { _ = old.Close() }() // it was only read
	info, err := old.Stat()
	if err != nil || !n.cursor.knows(old, info.Size()) {
		return nil //nolint:nilerr // then its rest cannot be told from what is known
	}
	if err := g.follow(ctx, old, n, budget); err != nil || n.unread > 0 {
		return err
	}
	n.cursor.lines.flush(n.add(g))
	return nil
}

// search opens the cursor's file by another name in its directory, nil when it
// is not there.
func (c *cursor) search(ctx context.Context, dir string) *os.File {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = d.Close() }() // it was only read
	names, err := d.Readdirnames(maxSiblings)
	if err != nil {
		return nil
	}
	for _, name := range names {
		var s unix.Stat_t
		if ctx.Err() != nil {
			return nil
		}
		if unix.Fstatat(int(d.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW) != nil || !c.at(&s) {
			continue
		}
		file, err := openRegular(filepath.Join(dir, name), &s)
		if err != nil {
			return nil
		}
		return file
	}
	return nil
}

// knows says whether the file still holds what was read of it last. It does
// not when it was cut, written anew, or has only got the inode of another.
func (c *cursor) knows(file *os.File, size int64) bool {
	if size < c.offset {
		return false
	}
	now := make([]byte, len(c.known))
	_, err := file.ReadAt(now, c.offset-int64(len(now)))
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(now, c.known)
}

// learn keeps what stands before the cursor.
func (c *cursor) learn(file *os.File) error {
	c.known = make([]byte, min(knownBytes, c.offset))
	n, err := file.ReadAt(c.known, c.offset-int64(len(c.known)))
	if n < len(c.known) {
		return fmt.Errorf("read content: %w", err)
	}
	return nil
}

// add counts a line that matches.
func (n *news) add(g *grep) func(line []byte) {
	return func(line []byte) {
		if g.matches(line) {
			n.matches++
			n.line = string(line[:min(len(line), maxText)])
		}
	}
}

// skip leaves out the hole that the cursor is in, which may be a terabyte of NULs.
// Where the file system knows none (SEEK_DATA of lseek(2)) they are read.
func (c *cursor) skip(file *os.File) {
	info, err := file.Stat()
	if err != nil {
		return
	}
	next, err := file.Seek(c.offset, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) { // there was nothing but the hole
		next, err = info.Size(), nil
	}
	if err == nil && next > c.offset {
		c.offset, c.known = next, make([]byte, knownBytes)
	}
}

// follow reads on to the end of the file.
func (g *grep) follow(ctx context.Context, file *os.File, n *news, budget *int64) error {
	c, buf := n.cursor, make([]byte, readSize)
	for *budget > 0 && ctx.Err() == nil {
		size, err := file.ReadAt(buf[:min(int64(len(buf)), *budget)], c.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read content: %w", err)
		}
		data := buf[:size]
		c.lines.feed(data, n.add(g))
		c.offset += int64(size)
		*budget -= int64(size)
		c.known = append(c.known, data[max(0, len(data)-knownBytes):]...)
		c.known = bytes.Clone(c.known[max(0, len(c.known)-knownBytes):])
		if err != nil {
			return nil //nolint:nilerr // the end of the file
		}
		if len(bytes.TrimLeft(data, "\x00")) == 0 {
			c.skip(file)
		}
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	n.unread = max(0, info.Size()-c.offset)
	return nil
}
