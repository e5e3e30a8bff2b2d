package local

import (
	"strconv"
	"strings"
)

// parseSocketLink reads what a link in /proc/PID/fd shows of a socket: "socket:[4711]".
func parseSocketLink(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}
