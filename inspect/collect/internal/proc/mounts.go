package proc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// mostMounts is more than the kernel allows by default in one mount namespace
// (fs.mount-max, 100,000).
const mostMounts = 1 << 17

// Mounts reads /proc/PID/mountinfo (proc_pid_mountinfo(5)).
func Mounts(data []byte) ([]snapshot.Mount, error) {
	var mounts []snapshot.Mount
	for line := range strings.Lines(string(data)) {
		m, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		if len(mounts) == mostMounts {
			return nil, fmt.Errorf("/proc/PID/mountinfo has more than %d mounts", mostMounts)
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func parseMount(line string) (snapshot.Mount, error) {
	wrong := func() (snapshot.Mount, error) {
		return snapshot.Mount{}, fmt.Errorf("not a line of /proc/PID/mountinfo: %.200q", line)
	}
	const most = 32                           // fields; the kernel knows four optional ones
	fields := strings.SplitN(line, " ", most) // kernel escapes blanks in all fields
	end := slices.Index(fields, "-")          // any number of optional fields before it
	if end < 6 || len(fields) < end+4 {
		return wrong()
	}
	id, err1 := strconv.Atoi(fields[0])
	parent, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil {
		return wrong()
	}
	return snapshot.Mount{
		ID: id, ParentID: parent, Device: fields[2], Root: unescape(fields[3]), Target: unescape(fields[4]),
		Options: strings.Split(fields[5], ","),
		Type:    unescape(fields[end+1]), Source: unescape(fields[end+2]), SuperOptions: strings.Split(unescape(fields[end+3]), ","),
	}, nil
}

// unescape turns \040 and the like into the bytes they stand for.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
