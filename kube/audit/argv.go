package audit

import (
	"encoding/json"
	"fmt"
	"strings"
)

// mostArgv is how much of a line the arguments of a command may take, and
// mostArgs how many there may be, so that no line is ever too long to be read back.
const (
	mostArgv = 32 << 10
	mostArgs = 64
)

// shorten keeps a command line as it is where that fits. What does not fit is
// replaced by its length and hash, so that it can still be compared.
func shorten(argv []string) []string {
	if len(argv) > mostArgs {
		rest := strings.Join(argv[mostArgs-1:], "\x00")
		argv = append(argv[:mostArgs-1:mostArgs-1], fmt.Sprintf("(%d more arguments, SHA-256 %s)", len(argv)-mostArgs+1, hash([]byte(rest))))
	}
	// What each replaced argument still takes.
	const replaced = 128
	room := mostArgv - replaced*len(argv)
	short := make([]string, 0, len(argv))
	for _, arg := range argv {
		size := len(arg)
		if size <= room {
			b, _ := json.Marshal(arg) // a string can always be written
			size = len(b)
		}
		if size > room {
			arg = fmt.Sprintf("(%d bytes, SHA-256 %s)", len(arg), hash([]byte(arg)))
		} else {
			room -= size
		}
		short = append(short, arg)
	}
	if len(short) == 0 {
		return nil
	}
	return short
}
