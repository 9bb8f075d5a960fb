package main

import "fmt"

// amount is a number with its noun: "1 check", "2 checks". The noun takes an s.
func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
