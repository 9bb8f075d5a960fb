package boot

// What the tests and fuzzers of the package look at from outside.
var (
	ParseKey    = parseKey
	ParseRecord = parseRecord
	ParseMark   = parseMark
	Printable   = printable
	Span        = span
	KernelLines = kernelLines
	Signs       = signs
	Best        = best
)

// The limits that the tests hold.
const (
	MaxLine     = maxLine
	MaxFindings = maxFindings
)
