//go:build race

package main

// judgeMemory is wide: the race detector maps more than any limit lets it.
const judgeMemory = 1 << 62
