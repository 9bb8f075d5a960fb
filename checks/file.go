package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// Monit's words for what a path fails of.
const (
	timestampFailed, timestampSucceeded   = "Timestamp failed", "Timestamp succeeded"
	checksumFailed, checksumSucceeded     = "Checksum failed", "Checksum succeeded"
	contentFailed, contentSucceeded       = "Content failed", "Content succeeded"
	sizeFailed, sizeSucceeded             = "Size failed", "Size succeeded"
	permissionFailed, permissionSucceeded = "Permission failed", "Permission succeeded"
	uidFailed, uidSucceeded               = "UID failed", "UID succeeded"
	gidFailed, gidSucceeded               = "GID failed", "GID succeeded"
)

func fileKind() Kind {
	return Kind{
		Name: "file",
		Doc:  "one file: what it is, whose, how old and large, its checksums and the lines that are appended to it",
		Attributes: []Attribute{
			pathAttribute("file; symbolic links are followed"),
			{Name: "content", Doc: "regular expression (RE2) over each whole line that is appended, without its line end and cut at 16 KiB; write \"a|b\" for several", Valid: validContent},
			{Name: "ignore", Doc: "regular expression (RE2) of lines that do not count for content", Valid: validContent},
		},
		Metrics: pathMetrics(
			Metric{Name: "checksum.md5", Unit: Word, Doc: "MD5 in hex, of a regular file of at most 1 GiB, read again only when the file has changed, RFC 1321", Failed: checksumFailed, Recovered: checksumSucceeded},
			Metric{Name: "checksum.sha1", Unit: Word, Doc: "SHA-1 in hex, the same way, RFC 3174", Failed: checksumFailed, Recovered: checksumSucceeded},
			Metric{Name: "checksum.sha256", Unit: Word, Doc: "SHA-256 in hex, the same way, FIPS 180-4", Failed: checksumFailed, Recovered: checksumSucceeded},
			Metric{Name: "content.line", Unit: Word, News: true, Doc: "last line that matched since the previous reading, absent without one, which ends a failure over a line, read(2)", Failed: contentFailed, Recovered: contentSucceeded},
			Metric{Name: "content.matches", Unit: Count, News: true, Doc: "lines appended since the previous reading that match content and not ignore, 0 at the first reading, at most 8 MiB a reading, read(2)", Failed: contentFailed, Recovered: contentSucceeded},
			Metric{Name: "content.unread", Unit: Bytes, Doc: "what was appended and is left to the next reading, read(2)"},
			Metric{Name: "size", Unit: Bytes, Doc: "size of a regular file, stat(2)", Failed: sizeFailed, Recovered: sizeSucceeded},
		),
		Valid:  validFile,
		Absent: "file does not exist",
		Quick:  quickPath,
		Open:   openPath("file"),
	}
}

func directoryKind() Kind {
	return Kind{
		Name:       "directory",
		Doc:        "one directory: what it is, whose, how old, and its direct entries",
		Attributes: []Attribute{pathAttribute("directory; symbolic links are followed")},
		Metrics: pathMetrics(
			Metric{Name: "entries", Unit: Count, Doc: "direct entries without . and .., at most 100,000, getdents64(2)"},
			Metric{Name: "newest.age", Unit: Seconds, Doc: "time since the latest mtime of its direct entries, at most 10,000 of them, fstatat(2)", Failed: timestampFailed, Recovered: timestampSucceeded},
			Metric{Name: "oldest.age", Unit: Seconds, Doc: "time since the earliest mtime of its direct entries, at most 10,000 of them, fstatat(2)", Failed: timestampFailed, Recovered: timestampSucceeded},
		),
		Absent: "directory does not exist",
		Quick:  quickPath,
		Open:   openPath("directory"),
	}
}

func fifoKind() Kind {
	return Kind{
		Name:       "fifo",
		Doc:        "one named pipe: what it is, whose and how old; it is never opened",
		Attributes: []Attribute{pathAttribute("named pipe; symbolic links are followed")},
		Metrics:    pathMetrics(),
		Absent:     "fifo does not exist",
		Quick:      quickPath,
		Open:       openPath("fifo"),
	}
}

func pathAttribute(doc string) Attribute {
	return Attribute{Name: "path", Doc: doc, Required: true, Valid: validPath}
}

// pathMetrics are the metrics of every path, and more.
func pathMetrics(more ...Metric) []Metric {
	metrics := append(more,
		Metric{Name: "age", Unit: Seconds, Doc: "time since the later of mtime and ctime, stat(2)", Failed: timestampFailed, Recovered: timestampSucceeded},
		Metric{Name: "exists", Unit: Truth, Doc: "the path leads to something, of whatever type, stat(2)", Failed: "Does not exist", Recovered: "Exists"},
		Metric{Name: "gid", Unit: Count, Doc: "group number, stat(2)", Failed: gidFailed, Recovered: gidSucceeded},
		Metric{Name: "group", Unit: Word, Doc: "group name, its number without one, group(5)", Failed: gidFailed, Recovered: gidSucceeded},
		Metric{Name: "inode", Unit: Word, Doc: "inode number, stat(2)"},
		Metric{Name: "links", Unit: Count, Doc: "hard links, stat(2)"},
		Metric{Name: "mode", Unit: Word, Doc: "permission bits in octal such as 0644, stat(2)", Failed: permissionFailed, Recovered: permissionSucceeded},
		Metric{Name: "owner", Unit: Word, Doc: "user name, its number without one, passwd(5)", Failed: uidFailed, Recovered: uidSucceeded},
		Metric{Name: "symlink", Unit: Truth, Doc: "the path itself is a symbolic link, lstat(2)"},
		Metric{Name: "target", Unit: Word, Doc: "where the path leads, all symbolic links followed, readlink(2)"},
		Metric{Name: "type", Unit: Word, Doc: "regular, directory, fifo, socket, character device or block device, stat(2)", Failed: "Invalid type", Recovered: "Type succeeded"},
		Metric{Name: "uid", Unit: Count, Doc: "user number, stat(2)", Failed: uidFailed, Recovered: uidSucceeded},
	)
	for name, what := range map[string]string{"atime": "last read, as the mount keeps it", "ctime": "last change of content, owner, mode or links", "mtime": "last change of content"} {
		metrics = append(metrics,
			Metric{Name: name + ".age", Unit: Seconds, Doc: "time since the " + what + ", stat(2)", Failed: timestampFailed, Recovered: timestampSucceeded},
			Metric{Name: name + ".time", Unit: Word, Doc: "time of the " + what + ", RFC 3339 in UTC, stat(2)", Failed: timestampFailed, Recovered: timestampSucceeded})
	}
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return metrics
}

// validFile wants content where something needs it.
func validFile(s Spec) error {
	if s.Attributes.Of("content") != "" {
		return nil
	}
	for name := range s.Metrics {
		if strings.HasPrefix(name, "content.") {
			return fmt.Errorf("the metric %s needs the attribute \"content\", a regular expression", name)
		}
	}
	if s.Attributes.Of("ignore") != "" {
		return errors.New("\"ignore\" needs the attribute \"content\", a regular expression")
	}
	return nil
}

// pathReader reads one path.
type pathReader struct {
	spec    Spec
	path    string
	call    slowCall[pathFacts]
	events  *pathEvents
	busy    func() (over func())
	grep    *grep    // nil without content
	sums    []string // checksums that some rule uses
	entries bool     // some rule uses the entries of a directory
	ages    bool     // and their ages

	last   pathKey // of the last reading, zero when nothing was there
	cursor *cursor // where content goes on, nil before the first reading
	digest *digest // of the last reading
	behind bool    // content has more to read
}

var _ Reader = (*pathReader)(nil)

func openPath(kind string) func(h *Host, s Spec) (Reader, error) {
	return func(h *Host, s Spec) (Reader, error) {
		path := s.Attributes.Of("path")
		r := &pathReader{spec: s, path: path, events: &h.paths, busy: h.busy, call: slowCall[pathFacts]{verb: "stat", path: path, spare: &h.spare}}
		err := validPath(path)
		if err == nil && kind == "file" {
			r.sums = wantedSums(s)
			if err = validFile(s); err == nil && s.Attributes.Of("content") != "" && wantsAny(s.Metrics, contentMetrics()) {
				r.grep, err = newGrep(s.Attributes.Of("content"), s.Attributes.Of("ignore"))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("open %s check %q: %w", kind, s.Name, err)
		}
		if kind == "directory" {
			r.ages = wantsAny(s.Metrics, []string{"newest.age", "oldest.age"})
			r.entries = r.ages || wantsAny(s.Metrics, []string{"entries"})
		}
		return r, nil
	}
}

// quickPath says that a check only looks at what is at its path, not into it.
func quickPath(s Spec) bool {
	into := append(checksums(), "entries", "newest.age", "oldest.age")
	for name := range s.Metrics {
		if strings.HasPrefix(name, "content.") {
			return false
		}
	}
	return s.Attributes.Of("content") == "" && !wantsAny(s.Metrics, into)
}

// Read reads the path. It does not wait for a dead mount.
func (r *pathReader) Read(ctx context.Context) (tocsin.Reading, error) {
	look, patience, cancel := r.look(), ctx, func() {}
	if r.grep != nil || r.entries || len(r.sums) > 0 {
		patience, cancel = most(ctx)
	}
	facts, err := r.call.do(ctx, func() pathFacts {
		defer cancel()
		return look.look(patience)
	})
	if err != nil {
		return tocsin.Reading{}, err
	}
	return r.take(&facts)
}

// ReadHere is Read for who can wait: it returns when a dead mount lets it.
func (r *pathReader) ReadHere(ctx context.Context) (tocsin.Reading, error) {
	if err := r.call.over(ctx); err != nil {
		return tocsin.Reading{}, err
	}
	look := r.look()
	facts := look.look(ctx)
	return r.take(&facts)
}

// Stuck is the error of a ReadHere that has not returned for so long.
func (r *pathReader) Stuck(since time.Duration) error { return r.call.stuckFor(since) }

// look is the next look at the path.
func (r *pathReader) look() pathLook {
	look := pathLook{path: r.path, wanted: r.spec.Metrics, grep: r.grep, cursor: r.cursor, sums: r.sums, digest: r.digest, entries: r.entries, ages: r.ages, busy: r.busy}
	r.digest = nil // what is begun belongs to the call, and is lost with it
	return look
}

// take makes a reading of what was found.
func (r *pathReader) take(facts *pathFacts) (tocsin.Reading, error) {
	d := newDraft(r.spec)
	d.reading.At = facts.at
	r.last, r.behind = facts.key(), facts.news.unread > 0
	if r.grep != nil && (facts.err == nil || facts.gone()) {
		r.cursor = facts.news.cursor
	}
	r.digest = facts.digest
	switch {
	case facts.gone():
		d.truth("exists", false)
		return d.reading, nil
	case facts.err != nil:
		return tocsin.Reading{}, fmt.Errorf("stat %q: %w", r.path, facts.err)
	}
	d.truth("exists", true)
	facts.describe(d)
	return d.reading, nil
}

// most is a ctx that ends while there is time left to say what was found.
func most(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)*3/4)
}

// Listen has tell called when the path is made, removed, renamed, written or
// otherwise changed since the last reading (inotify(7)).
func (r *pathReader) Listen(tell func(error)) (stop func()) {
	if r.behind {
		tell(nil)
		return nil
	}
	path, last := r.path, r.last
	return r.events.listen(path, r.entries, func() bool {
		var now unix.Stat_t
		if err := stat(path, &now); err != nil {
			return last != pathKey{}
		}
		return keyOf(&now) != last
	}, tell)
}
