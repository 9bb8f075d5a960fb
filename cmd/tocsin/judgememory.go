//go:build !race

package main

// judgeMemory is what the process may write to that reads the rule files first.
const judgeMemory = 256 << 20
