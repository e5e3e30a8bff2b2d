package proc

import (
	"fmt"
	"strconv"
	"strings"
)

// required are the lines without which a status says too little: none of them
// may be taken for a zero where it is missing.
var required = []string{"PPid", "Uid", "Gid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"}

// Missing names the first line that a status must have and that was not read;
// rest are those that were wanted and did not come. It is empty where all are there.
func Missing[T any](rest map[string]T) string {
	for _, key := range required {
		if _, missing := rest[key]; missing {
			return key
		}
	}
	return ""
}

// Name is a process's name as it was before the kernel escaped it: it wrote a
// newline as "\n", and a backslash as "\\".
func Name(s string) string { return strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(s) }

// Number returns a reader of a decimal number in /proc/PID/status. It and the
// others of its kind keep nothing where the text is malformed.
func Number(into *int) func(string) error {
	return func(v string) (err error) { *into, err = strconv.Atoi(strings.TrimSpace(v)); return err }
}

// Mask reads a set of capabilities; see Number.
func Mask(into *uint64) func(string) error {
	return func(v string) (err error) { *into, err = strconv.ParseUint(v, 16, 64); return err }
}

// Four reads real, effective, saved and file system ID; see Number.
func Four(into *[4]uint32) func(string) error {
	return func(v string) error {
		all, err := Numbers(v)
		if err == nil && len(all) != len(into) {
			err = fmt.Errorf("%d numbers instead of %d", len(all), len(into))
		}
		if err == nil {
			copy(into[:], all)
		}
		return err
	}
}

// Numbers reads a list of IDs; see Number.
func Numbers(v string) ([]uint32, error) {
	var all []uint32
	for _, field := range strings.Fields(v) {
		n, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return nil, err
		}
		all = append(all, uint32(n))
	}
	return all, nil
}
