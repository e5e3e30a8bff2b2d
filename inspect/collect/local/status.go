package local

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
)

// status is what /proc/PID/status tells. Everybody may read it.
type status struct {
	name                                                 string
	zombie                                               bool
	parent                                               int
	uid, gid                                             [4]uint32
	groups                                               []uint32
	inheritable, permitted, effective, bounding, ambient uint64
	noNewPrivs                                           bool
	seccomp                                              int
}

// same reports whether real, effective and saved IDs are one and the same.
func same(ids [4]uint32) bool { return ids[0] == ids[1] && ids[1] == ids[2] }

// parseStatus reads /proc/PID/status (proc_pid_status(5)). The process chooses
// its own name, but can't end the line with it: the kernel escapes that.
func parseStatus(data []byte) (status, error) {
	var s status
	fields := map[string]func(string) error{
		"Name":       func(v string) error { s.name = proc.Name(v); return nil },
		"State":      func(v string) error { s.zombie = v != "" && strings.ContainsRune("ZX", rune(v[0])); return nil },
		"PPid":       proc.Number(&s.parent),
		"Uid":        proc.Four(&s.uid),
		"Gid":        proc.Four(&s.gid),
		"Groups":     func(v string) (err error) { s.groups, err = proc.Numbers(v); return err },
		"CapInh":     proc.Mask(&s.inheritable),
		"CapPrm":     proc.Mask(&s.permitted),
		"CapEff":     proc.Mask(&s.effective),
		"CapBnd":     proc.Mask(&s.bounding),
		"CapAmb":     proc.Mask(&s.ambient),
		"NoNewPrivs": func(v string) error { s.noNewPrivs = v == "1"; return nil },
		"Seccomp":    proc.Number(&s.seccomp),
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		read, wanted := fields[key]
		if !wanted {
			continue
		}
		delete(fields, key) // the first one counts
		if err := read(strings.TrimPrefix(value, "\t")); err != nil {
			return status{}, fmt.Errorf("%s in /proc/PID/status is %.50q: %w", key, value, err)
		}
	}
	if _, unnamed := fields["Name"]; unnamed {
		return status{}, errors.New(`no line "Name" in /proc/PID/status`)
	}
	if key := proc.Missing(fields); key != "" {
		return status{}, fmt.Errorf("no line %q in /proc/PID/status", key)
	}
	return s, nil
}

// parseStat reads from /proc/PID/stat when the process began, in clock ticks
// since the system did. With the PID it names one process for good.
func parseStat(data []byte) (uint64, error) {
	const started = 22 - 2 // after the name, which ends with the last ")"
	s := string(data)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) < started {
		return 0, fmt.Errorf("/proc/PID/stat has too few fields: %.100q", s)
	}
	return strconv.ParseUint(fields[started-1], 10, 64)
}

// parseArgs splits /proc/PID/cmdline. The last argument need not end with a zero byte.
func parseArgs(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// parseEnv takes the names from /proc/PID/environ. A process may write what it
// likes there: what has no "=" is no variable and might be a value, so it stays out.
func parseEnv(data []byte) []string {
	var names []string
	for entry := range strings.SplitSeq(string(data), "\x00") {
		if name, _, ok := strings.Cut(entry, "="); ok && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
