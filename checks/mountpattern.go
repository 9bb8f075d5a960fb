package checks

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// everyMount is the pattern of all mount points.
const everyMount = "*"

// below ends a pattern for everything below what comes before it.
const below = "/**"

// matchPoint says whether a pattern (path.Match) matches a mount point: "*"
// all of them, "/srv/*" those in /srv, "/srv/**" those at any depth.
func matchPoint(pattern, point string) bool {
	if pattern == everyMount {
		return true
	}
	if top, deep := strings.CutSuffix(pattern, below); deep {
		parts, depth := strings.Split(point, "/"), strings.Count(top, "/")+1
		if len(parts) <= depth || point == "/" {
			return false
		}
		pattern, point = top, strings.Join(parts[:depth], "/")
	}
	ok, err := path.Match(pattern, point)
	return ok && err == nil
}

// matchAny is matchPoint for one of several patterns.
func matchAny(patterns []string, point string) bool {
	for _, p := range patterns {
		if matchPoint(p, point) {
			return true
		}
	}
	return false
}

// matchType says whether one of the patterns matches a type.
func matchType(patterns []string, kind string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, kind); ok && err == nil {
			return true
		}
	}
	return false
}

// validMounts says what is wrong with a pattern of mount points.
func validMounts(text string) error {
	if text == everyMount || text == below {
		return nil
	}
	if !strings.HasPrefix(text, "/") {
		return fmt.Errorf("%q is no pattern of mount points: it begins with \"/\", such as \"/srv/*\", or is \"*\" for all", text)
	}
	return validGlob(strings.TrimSuffix(text, below))
}

// validTypes says what is wrong with a pattern of types.
func validTypes(text string) error {
	if strings.Contains(text, "/") {
		return fmt.Errorf("%q is no type of a file system, such as \"ext4\" or \"nfs*\"", text)
	}
	return validGlob(text)
}

// validExcept says what is wrong with a pattern of either.
func validExcept(text string) error {
	if strings.HasPrefix(text, "/") {
		return validMounts(text)
	}
	return validTypes(text)
}

func validGlob(text string) error {
	_, err := path.Match(text, "x")
	switch {
	case text == "":
		return errors.New("a pattern must not be empty")
	case len(text) > maxPath:
		return fmt.Errorf("pattern of %d bytes is too long: the limit is %d", len(text), maxPath)
	case strings.ContainsAny(text, "\n\x00"):
		return fmt.Errorf("pattern %q holds a control character: write \"?\" in its place", text)
	case strings.Contains(text, "**"):
		return fmt.Errorf("pattern %q has \"**\" in it, which stands only at the end, after \"/\"", text)
	case err != nil:
		return fmt.Errorf("pattern %q is not closed: after \"[\" comes \"]\", after \"\\\" a character", text)
	case text != "/" && strings.HasSuffix(text, "/"):
		return fmt.Errorf("pattern %q ends with \"/\", which no mount point does", text)
	}
	return nil
}

// validFilesystem says what is wrong with a filesystem check as a whole.
func validFilesystem(s Spec) error {
	if s.Attributes.Of("mounts") != "" {
		return nil
	}
	for _, name := range []string{"except", "types"} {
		if s.Attributes.Of(name) != "" {
			return fmt.Errorf("%q goes with \"mounts\", and there is none", name)
		}
	}
	return nil
}
