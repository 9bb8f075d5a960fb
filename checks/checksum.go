package checks

import (
	"context"
	"crypto/md5"  //nolint:gosec // what people have written down is often MD5
	"crypto/sha1" //nolint:gosec // or SHA-1
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxChecksum bounds a file whose checksum is taken.
	maxChecksum = 1 << 30
	// settled is how long a file must have been left alone for its times to
	// tell of the next change: coarse file systems count in two seconds.
	settled = 2 * time.Second
	// readSize is of one read(2).
	readSize = 64 << 10
)

// checksums are the metrics of checksums.
func checksums() []string { return []string{"checksum.md5", "checksum.sha1", "checksum.sha256"} }

func wantedSums(s Spec) []string {
	var names []string
	for _, name := range checksums() {
		if wantsAny(s.Metrics, []string{name}) {
			names = append(names, name)
		}
	}
	return names
}

// digest is the checksums of a file, or as much of them as there was time for.
type digest struct {
	key    pathKey
	hashes map[string]hash.Hash
	offset int64
	sums   map[string]string // nil until all is read
	again  bool              // the file may change without its times showing it
}

func newDigest(key pathKey, names []string) *digest {
	d := &digest{key: key, hashes: map[string]hash.Hash{}}
	for _, name := range names {
		switch name {
		case "checksum.md5":
			d.hashes[name] = md5.New() //nolint:gosec // asked for
		case "checksum.sha1":
			d.hashes[name] = sha1.New() //nolint:gosec // asked for
		case "checksum.sha256":
			d.hashes[name] = sha256.New()
		}
	}
	return d
}

// read is the digest of the file that was found. What is known of it is not
// read again; what was begun goes on, until ctx ends. busy hears of the rest.
func (d *digest) read(ctx context.Context, path string, found *unix.Stat_t, names []string, busy func() func()) (*digest, error) {
	key := keyOf(found)
	switch {
	case d != nil && d.key == key && d.sums != nil && !d.again:
		return d, nil
	case d == nil || d.key != key || d.sums != nil:
		d = newDigest(key, names)
	}
	if found.Mode&unix.S_IFMT == unix.S_IFREG && key.size > maxChecksum {
		return nil, fmt.Errorf("checksum of %q: %s is over the limit of %s", path, size(float64(key.size)), size(maxChecksum))
	}
	file, err := openRegular(path, found)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	over := busy()
	defer over()
	if err := d.take(ctx, file); err != nil {
		if errors.Is(err, errTime) {
			return d, fmt.Errorf("checksum of %q: %s of %s read so far: %w", path, size(float64(d.offset)), size(float64(key.size)), err)
		}
		return nil, fmt.Errorf("checksum of %q: %w", path, err)
	}
	return d, nil
}

// errTime is for a reading that has to go on at the next one.
var errTime = errors.New("the rest comes with the next reading")

// take reads the rest of the file.
func (d *digest) take(ctx context.Context, file *os.File) error {
	began := time.Now()
	buf := make([]byte, readSize)
	for {
		if ctx.Err() != nil {
			return errTime
		}
		n, err := file.ReadAt(buf, d.offset)
		if d.offset += int64(n); d.offset > maxChecksum {
			return errors.New("it grows while it is read")
		}
		for _, h := range d.hashes {
			_, _ = h.Write(buf[:n]) // never fails (hash.Hash)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	var now unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &now); err != nil {
		return err
	}
	if keyOf(&now) != d.key {
		return errors.New("it changed while it was read")
	}
	d.sums = map[string]string{}
	for name, h := range d.hashes {
		d.sums[name] = hex.EncodeToString(h.Sum(nil))
	}
	d.again = began.Sub(time.Unix(now.Mtim.Unix())) < settled || began.Sub(time.Unix(now.Ctim.Unix())) < settled
	return nil
}
