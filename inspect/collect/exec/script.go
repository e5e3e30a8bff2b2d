package exec

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed collect.sh
var source string

// script is what runs in the target: the source without comments, blank lines
// and indentation. It travels in the call's URL, for which some proxies have
// room for no more than 8 KiB.
func script() string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimLeft(line, " \t")
		if line == "\n" || strings.HasPrefix(line, "#") {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// The fixed command lines. Those of the lower rungs get paths behind them.
func shellCommand() []string { return []string{"sh", "-c", script(), "assay"} }

var (
	tarCommand  = []string{"tar", "--no-recursion", "-c", "-f", "-"}
	catCommand  = []string{"cat"}
	statCommand = []string{"stat", "-c", statFormat}
)

// statFormat is what the script uses too. %N is last because names may hold anything.
const statFormat = "%f %u %g %s %Y %Z %d %i %N"

// Commands are the command lines that run in a target. Those for which prefix
// is true get absolute paths behind them, and nothing else; the others are
// always exactly the same.
func Commands() []Argv {
	return []Argv{
		{Words: shellCommand()},
		{Words: slices.Clone(tarCommand), Prefix: true},
		{Words: slices.Clone(statCommand), Prefix: true},
		{Words: slices.Clone(catCommand), Prefix: true},
	}
}

// Argv is a command line, or the beginning of one.
type Argv struct {
	Words  []string
	Prefix bool
}
