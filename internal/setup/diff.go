package setup

import (
	"fmt"
	"strings"
)

// The bounds of a diff.
const (
	around   = 3       // lines of context
	maxCells = 4 << 20 // of the table; beyond it everything in between is replaced
)

// edit is one line: kept (' '), taken away ('-') or added ('+').
type edit struct {
	mark byte
	line string
}

// Diff shows what makes one text of another, as "diff -u" does; empty when they
// are the same.
func Diff(path, before, after string) string {
	if before == after {
		return ""
	}
	edits := compare(split(before), split(after))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s (new)\n", path, path)
	for from := 0; from < len(edits); {
		if edits[from].mark == ' ' {
			from++
			continue
		}
		// A hunk ends where more lines are kept than two contexts.
		first, last := max(0, from-around), from
		for i := from; i < len(edits) && i <= last+2*around; i++ {
			if edits[i].mark != ' ' {
				last = i
			}
		}
		end := min(len(edits), last+1+around)
		hunk(&b, edits, first, end)
		from = end
	}
	return b.String()
}

// hunk writes the edits from first to before end, with their place in both texts.
func hunk(b *strings.Builder, edits []edit, first, end int) {
	var start, length [2]int
	for i, e := range edits[:end] {
		for side, gone := range []byte{'+', '-'} {
			switch {
			case e.mark == gone:
			case i < first:
				start[side]++
			default:
				length[side]++
			}
		}
	}
	for side := range start {
		if length[side] > 0 {
			start[side]++
		}
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", start[0], length[0], start[1], length[1])
	for _, e := range edits[first:end] {
		fmt.Fprintf(b, "%c%s\n", e.mark, e.line)
	}
}

// split are the lines of a text.
func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// compare finds the longest common subsequence of lines; what is the same at both
// ends is not looked at.
func compare(before, after []string) []edit {
	var head, tail []edit
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		head = append(head, edit{' ', before[0]})
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		tail = append(tail, edit{' ', before[len(before)-1]})
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	edits := append(head, middle(before, after)...)
	for i := range tail {
		edits = append(edits, tail[len(tail)-1-i])
	}
	return edits
}

// middle is compare for what has nothing in common at its ends.
func middle(before, after []string) []edit {
	n, m := len(before), len(after)
	// common[i][j] is the length of the longest for before[i:] and after[j:].
	common := make([][]int, n+1)
	if (n+1)*(m+1) <= maxCells {
		for i := range common {
			common[i] = make([]int, m+1)
		}
		for i := n - 1; i >= 0; i-- {
			for j := m - 1; j >= 0; j-- {
				common[i][j] = max(common[i+1][j], common[i][j+1])
				if before[i] == after[j] {
					common[i][j] = common[i+1][j+1] + 1
				}
			}
		}
	}
	var edits []edit
	i, j := 0, 0
	for i < n || j < m {
		switch {
		case i < n && j < m && before[i] == after[j] && common[i] != nil:
			edits = append(edits, edit{' ', before[i]})
			i, j = i+1, j+1
		case j == m || i < n && (common[i] == nil || common[i+1][j] >= common[i][j+1]):
			edits = append(edits, edit{'-', before[i]})
			i++
		default:
			edits = append(edits, edit{'+', after[j]})
			j++
		}
	}
	return edits
}
