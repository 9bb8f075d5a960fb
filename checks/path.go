package checks

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// maxPath is PATH_MAX without its final NUL (limits.h).
const maxPath = 4095

// validPath says what is wrong with an attribute that names a file.
func validPath(text string) error {
	switch clean := path.Clean(text); {
	case text == "":
		return errors.New("path is empty: write an absolute path such as \"/srv\"")
	case len(text) > maxPath:
		return fmt.Errorf("path of %d bytes is too long: the limit is %d", len(text), maxPath)
	case strings.ContainsRune(text, 0):
		return fmt.Errorf("path %q holds a NUL byte", text)
	case !path.IsAbs(text):
		return fmt.Errorf("path %q is not absolute: it must begin with \"/\"", text)
	case clean != text:
		return fmt.Errorf("path %q is not in its shortest form: write %q", text, clean)
	}
	return nil
}
