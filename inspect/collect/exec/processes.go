package exec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// What the script puts in place of an exit code, or a shell does.
const (
	noTool    = 99
	noCommand = 127
)

// processes puts together what came of each process. Where the containers of a
// pod share their processes, those of the others are left out.
func (g *gathering) processes(files []byte, each []procFiles) {
	text := splitProcesses(files)
	self, _ := strconv.Atoi(g.me.pid)
	theirs := func(string) bool { return false }
	if own := text[self]; own != nil {
		theirs = foreign(own.cgroup)
	}
	var list []snapshot.Process
	for i := range each {
		f := &each[i]
		t, ok := text[f.pid]
		if !ok || theirs(t.cgroup) {
			continue // ended in between, or of another container
		}
		p := t.process
		if t.started > 0 && !g.began.IsZero() {
			p.Started = g.began.Add(time.Duration(t.started) * (time.Second / ticks))
		}
		g.fill(&p, f)
		list = append(list, p)
	}
	markOwn(list, self)
	firstFirst(list)
	dumb(list)
	g.processesFact = snapshot.Fact{State: snapshot.Present}
	if len(list) == 0 {
		g.processesFact = snapshot.Fact{State: snapshot.Failed, Detail: "/proc shows no processes: is it mounted in the container?"}
	} else if !slices.ContainsFunc(list, func(p snapshot.Process) bool { return !p.Own }) {
		g.processesFact = snapshot.Fact{State: snapshot.Denied, Detail: "/proc shows only the collector's own processes, because it is mounted to hide those of others (hidepid)"}
	}
	if g.plan.Processes {
		g.b.SetProcesses(list, g.processesFact)
	}
}

// fill adds what not everybody may read.
func (g *gathering) fill(p *snapshot.Process, f *procFiles) {
	p.Args, p.ArgsFact = splitArgs(f.args), snapshot.Fact{State: snapshot.Present}
	switch {
	case f.argsWhy != 0:
		p.Args, p.ArgsFact = nil, snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("reading /proc/%d/cmdline failed", p.PID)}
	case f.argsMore:
		p.ArgsFact = snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the first %d bytes are here", mostArgs)}
	}
	closed := snapshot.Fact{State: snapshot.Denied, Detail: fmt.Sprintf("the process runs as uid %d, with capabilities of its own perhaps: %s", p.UID[0], notEnough(g.uid))}
	p.Env, p.EnvFact = splitNames(f.env), snapshot.Fact{State: snapshot.Present}
	switch f.envWhy {
	case 0:
	case noTool:
		p.Env, p.EnvFact = nil, snapshot.Fact{State: snapshot.NotCollected, Detail: "the container has no commands (tr and cut) to cut off the values with, which must not leave it"}
	default:
		p.Env, p.EnvFact = nil, closed
	}
	p.Exe, p.ExeFact = strings.TrimSuffix(f.exe, " (deleted)"), snapshot.Fact{State: snapshot.Present}
	switch {
	case f.exeWhy == noCommand:
		p.Exe, p.ExeFact = "", snapshot.Fact{State: snapshot.NotCollected, Detail: "the container has no command readlink"}
	case f.exeWhy != 0 && p.EnvFact.State == snapshot.Denied:
		p.Exe, p.ExeFact = "", closed
	case f.exeWhy != 0: // a zombie, or a thread of the kernel
		p.Exe, p.ExeFact = "", snapshot.Fact{State: snapshot.Absent}
	case f.exe == "":
		p.ExeFact = snapshot.Fact{State: snapshot.Failed, Detail: "the container's readlink says nothing"}
	case p.Exe != f.exe:
		p.ExeFact.Detail = "the file was deleted or replaced after the process began"
	}
}

// dumb finds out that the commands which read variables say nothing: there is
// no process without any, since the runtime gives the script's own some.
func dumb(list []snapshot.Process) {
	for i := range list {
		if list[i].EnvFact.State != snapshot.Present || len(list[i].Env) > 0 {
			return
		}
	}
	for i := range list {
		list[i].EnvFact = snapshot.Fact{State: snapshot.Failed, Detail: "the container's commands (tr and cut) say nothing of any process"}
	}
}

// splitArgs splits /proc/PID/cmdline. The last argument need not end with a zero byte.
func splitArgs(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// splitNames splits names of variables. In them the script has made \x01 of newlines.
func splitNames(data []byte) []string {
	var names []string
	for name := range strings.SplitSeq(string(data), "\n") {
		if name != "" {
			names = append(names, strings.ReplaceAll(name, "\x01", "\n"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// containerID is how every runtime names a container's cgroup, in one way or another.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// foreign returns what reports whether a process belongs to another container
// than ours. In a cgroup namespace, what is outside of it begins with "/..";
// without one, the paths name the container.
func foreign(own string) func(cgroup string) bool {
	if own == "" {
		return func(string) bool { return false } // not told, as by runtimes with a kernel of their own
	}
	outside := func(paths string) bool {
		for p := range strings.SplitSeq(paths, "\n") {
			if p == "/.." || strings.HasPrefix(p, "/../") {
				return true
			}
		}
		return false
	}
	inside := !outside(own)
	id := "" // the last one is the innermost: a node may be a container itself
	if all := containerID.FindAllString(own, -1); len(all) > 0 {
		id = all[len(all)-1]
	}
	return func(cgroup string) bool {
		return cgroup != "" && (inside && outside(cgroup) || !strings.Contains(cgroup, id))
	}
}

// markOwn marks the collector's own processes: the script and what descends from it.
func markOwn(list []snapshot.Process, self int) {
	if self <= 0 {
		return
	}
	children := map[int][]int{}
	var todo []int
	for i := range list {
		children[list[i].ParentPID] = append(children[list[i].ParentPID], i)
		if list[i].PID == self {
			todo = append(todo, i)
		}
	}
	todo = append(todo, children[self]...)
	for len(todo) > 0 {
		p := &list[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if !p.Own {
			p.Own = true
			todo = append(todo, children[p.PID]...)
		}
	}
}

// firstFirst sorts by age, with the process first that the container lives and
// ends with: of those whose parent is not of the container, the oldest.
func firstFirst(list []snapshot.Process) {
	slices.SortStableFunc(list, func(a, b snapshot.Process) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
	})
	pids := map[int]bool{}
	for i := range list {
		pids[list[i].PID] = true
	}
	for i := range list {
		if p := list[i]; !p.Own && !pids[p.ParentPID] {
			copy(list[1:i+1], list[:i])
			list[0] = p
			return
		}
	}
}
