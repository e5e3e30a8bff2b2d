package cluster

import (
	"fmt"
	"strings"
)

// named is how many names a message or a value lists.
const named = 3

// listed joins names, and counts those that are too many.
func listed(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}
