package local

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// candidate is a process that may be the target's.
type candidate struct {
	pid, parent int
	started     uint64 // clock ticks since the system began
	zombie      bool
	group       group
}

// chosen is the answer to: which processes are the container's?
type chosen struct {
	first   candidate   // the one that the container lives and ends with
	members []candidate // first among them, and first in order
	// complete is false where some processes could not be told apart; note says more.
	complete bool
	note     string
}

// choose finds the container's processes among all that /proc shows. It goes by
// the container's ID in the names of cgroups; processOne and mount, which tells
// the root mount of a process, are for where no IDs can be seen. It never guesses.
func choose(all []candidate, self int, want string, processOne bool, mount func(pid int) int) (chosen, error) {
	me := slices.IndexFunc(all, func(c candidate) bool { return c.pid == self })
	if me < 0 {
		return chosen{}, fmt.Errorf("%w: /proc does not show the collector itself (process %d)", ErrNotFound, self)
	}
	own := all[me].group
	if own.id() == want {
		return chosen{}, fmt.Errorf("%w: %s is the container in which the collector runs", ErrNotFound, want)
	}
	var members []candidate
	var doubtful []int
	others := map[string]int{}
	for _, c := range all {
		switch id := c.group.id(); {
		case c.pid == self || id != "" && id == own.id():
		case id == want:
			members = append(members, c)
		case slices.Contains(c.group.ids, want):
			doubtful = append(doubtful, c.pid)
		case len(c.group.ids) > 0:
			others[strings.Join(c.group.ids, " and ")]++
		}
	}
	switch {
	case len(members) > 0:
		ch := chosen{members: members, complete: len(doubtful) == 0}
		if !ch.complete {
			ch.note = fmt.Sprintf("the cgroups of these processes name the container and others too, so they are left out: %v", doubtful)
		}
		ch.sort()
		return ch, nil
	case len(doubtful) > 0:
		return chosen{}, fmt.Errorf("%w: the cgroups of the processes %v name %s and other containers too", ErrNotFound, doubtful, want)
	case len(others) > 0:
		return chosen{}, fmt.Errorf("%w: /proc shows %d processes, of %d other containers, and none of %s; it may have ended, or started anew with another ID, or its process namespace is not shared with the collector",
			ErrNotFound, len(all), len(others), want)
	case !processOne:
		return chosen{}, fmt.Errorf("%w: /proc/PID/cgroup shows no container's ID here; where process 1 is the container's for certain (targetContainerName, and no shareProcessNamespace), --process-one says so", ErrNotFound)
	}
	return chooseOne(all, self, mount)
}

// chooseOne takes process 1 and those who share its root mount or descend from them.
func chooseOne(all []candidate, self int, mount func(pid int) int) (chosen, error) {
	ours, theirs := mount(self), mount(1)
	switch {
	case ours == 0 || theirs == 0:
		return chosen{}, fmt.Errorf("%w: no container's ID can be seen, and the root mounts of process 1 and of the collector can't be compared", ErrNotFound)
	case ours == theirs:
		return chosen{}, fmt.Errorf("%w: process 1 is the collector's own container: the target's process namespace is not shared with it (an ephemeral container wants targetContainerName)", ErrNotFound)
	}
	ch := chosen{complete: true, note: "no container's ID can be seen in /proc/PID/cgroup here: process 1 was taken for the container's first process, because the caller said so and its root is not the collector's"}
	in, out := map[int]bool{1: true}, map[int]bool{self: true}
	for _, c := range all {
		switch mount(c.pid) {
		case theirs:
			in[c.pid] = true
		case ours:
			out[c.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, c := range all {
			if in[c.parent] && !in[c.pid] && !out[c.pid] {
				in[c.pid], grown = true, true
			}
		}
	}
	for _, c := range all {
		if in[c.pid] {
			ch.members = append(ch.members, c)
		}
	}
	ch.sort()
	if len(ch.members) == 0 || ch.first.pid != 1 {
		return chosen{}, fmt.Errorf("%w: no container's ID can be seen, and process 1 is not there or not the oldest of its kind", ErrNotFound)
	}
	return ch, nil
}

// sort puts the first process first: of those whose parent is not of the
// container, the oldest. What was started in it by exec is younger.
func (ch *chosen) sort() {
	slices.SortFunc(ch.members, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.started, b.started), cmp.Compare(a.pid, b.pid))
	})
	pids := make(map[int]bool, len(ch.members))
	for _, c := range ch.members {
		pids[c.pid] = true
	}
	for i, c := range ch.members {
		if !pids[c.parent] {
			ch.first = c
			ch.members = slices.Insert(slices.Delete(ch.members, i, i+1), 0, c)
			return
		}
	}
}
