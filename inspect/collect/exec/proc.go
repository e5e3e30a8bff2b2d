package exec

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// ticks a second, in /proc, on every architecture that Go knows.
const ticks = 100

// bootTime finds in /proc/stat when the clock began that counts the starts of processes.
func bootTime(stat []byte) time.Time {
	for line := range bytes.Lines(stat) {
		if seconds, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(seconds)), 10, 64); err == nil {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

// kernel reads uname -rvm: only the version, in the middle, may hold blanks.
func kernel(uname string) snapshot.Kernel {
	fields := strings.Fields(uname)
	if len(fields) < 3 {
		return snapshot.Kernel{Fact: snapshot.Fact{State: snapshot.Failed, Detail: "the command uname is missing in the container, or says nothing"}}
	}
	last := len(fields) - 1
	return snapshot.Kernel{
		Release: fields[0], Version: strings.Join(fields[1:last], " "), Machine: fields[last],
		Fact: snapshot.Fact{State: snapshot.Present},
	}
}

// procText is what the plain files of one process say.
type procText struct {
	process snapshot.Process
	started uint64 // ticks since the system began; 0 where unknown
	cgroup  string // all hierarchies' paths, a line each
}

// splitProcesses takes apart /proc/PID/status, stat and cgroup of many
// processes, which come one behind the other. Any file may be missing, because
// a process ended. Only stat holds what a process chooses (its name), as it is;
// but status has it too, and there newlines are written as "\n".
func splitProcesses(text []byte) map[int]*procText {
	all := map[int]*procText{}
	for len(text) > 0 {
		if !bytes.HasPrefix(text, []byte("Name:\t")) {
			text = skipLine(text)
			continue
		}
		var t procText
		var pid int
		pid, text = t.status(text)
		text = t.stat(pid, text)
		text = t.groups(text)
		if pid > 0 {
			t.process.PID = pid
			all[pid] = &t
		}
	}
	return all
}

func skipLine(text []byte) []byte {
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	return rest
}

// status reads lines "Key:\tvalue" to the first that is none.
func (t *procText) status(text []byte) (pid int, rest []byte) {
	p := &t.process
	fields := map[string]func(string) error{
		"Name":       func(v string) error { p.Name = proc.Name(v); return nil },
		"Pid":        proc.Number(&pid),
		"PPid":       proc.Number(&p.ParentPID),
		"Uid":        proc.Four(&p.UID),
		"Gid":        proc.Four(&p.GID),
		"Groups":     func(v string) (err error) { p.Groups, err = proc.Numbers(v); return err },
		"CapInh":     proc.Mask(&p.CapInheritable),
		"CapPrm":     proc.Mask(&p.CapPermitted),
		"CapEff":     proc.Mask(&p.CapEffective),
		"CapBnd":     proc.Mask(&p.CapBounding),
		"CapAmb":     proc.Mask(&p.CapAmbient),
		"NoNewPrivs": func(v string) error { p.NoNewPrivs = v == "1"; return nil },
		"Seccomp":    proc.Number(&p.Seccomp),
	}
	p.Status = snapshot.Fact{State: snapshot.Present}
	for len(text) > 0 {
		line, after, _ := bytes.Cut(text, []byte("\n"))
		key, value, ok := strings.Cut(string(line[:min(len(line), 8192)]), ":\t")
		if !ok || strings.ContainsAny(key, " (") {
			break
		}
		read, wanted := fields[key]
		if key == "Name" && !wanted {
			break // the next process
		}
		text = after
		if !wanted {
			continue
		}
		delete(fields, key)
		if err := read(value); err != nil {
			p.Status = snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("%s in /proc/PID/status is %.50q", key, value)}
		}
	}
	if key := proc.Missing(fields); key != "" && p.Status.State == snapshot.Present {
		p.Status = snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("no line %q in /proc/PID/status", key)}
	}
	return pid, text
}

// stat reads "PID (name) R 1 …": the 22nd field is when the process began.
func (t *procText) stat(pid int, text []byte) (rest []byte) {
	begin := fmt.Sprintf("%d (", pid)
	if !bytes.HasPrefix(text, []byte(begin)) {
		return text
	}
	after, ok := bytes.CutPrefix(text, []byte(begin+t.process.Name+") "))
	if !ok { // it changed its name in between
		end := bytes.Index(text[:min(len(text), 100)], []byte(") "))
		if end < 0 {
			return skipLine(text)
		}
		after = text[end+2:]
	}
	line, rest, _ := bytes.Cut(after, []byte("\n"))
	const started = 22 - 3 // the state, behind the name, is the third
	if fields := strings.Fields(string(line[:min(len(line), 4096)])); len(fields) > started {
		t.started, _ = strconv.ParseUint(fields[started], 10, 64)
	}
	return rest
}

// mostGroups is how many hierarchies of cgroups a process is said to be in; the
// kernel has about a dozen.
const mostGroups = 100

// groups reads lines "hierarchy:controllers:path" (cgroups(7)).
func (t *procText) groups(text []byte) (rest []byte) {
	var paths []string
	for len(text) > 0 {
		line, after, _ := bytes.Cut(text, []byte("\n"))
		parts := strings.SplitN(string(line), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			break
		}
		if _, err := strconv.Atoi(parts[0]); err != nil {
			break
		}
		if len(paths) < mostGroups && len(parts[2]) < snapshot.MaxPath && !slices.Contains(paths, parts[2]) {
			paths = append(paths, parts[2])
		}
		text = after
	}
	slices.Sort(paths)
	t.cgroup = strings.Join(paths, "\n")
	return text
}
