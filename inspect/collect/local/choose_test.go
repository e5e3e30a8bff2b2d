package local

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// of makes a candidate out of its cgroups.
func of(pid, parent int, started uint64, cgroups ...string) candidate {
	var text strings.Builder
	for _, c := range cgroups {
		text.WriteString("0::" + c + "\n")
	}
	g, err := parseCgroup([]byte(text.String()))
	if err != nil {
		panic(err)
	}
	return candidate{pid: pid, parent: parent, started: started, group: g}
}

func TestChoose(t *testing.T) {
	const (
		a, b, c = "/kubepods/pod1/" + idA, "/kubepods/pod1/" + idB, "/kubepods/pod1/" + idC
		me      = 50
	)
	mounts := map[int]int{me: 500, 49: 500, 1: 100, 2: 100, 3: 0, 4: 300}
	for name, test := range map[string]struct {
		all        []candidate
		processOne bool
		want       []int // the first process first
		wrong      string
		note       string
		partly     bool
	}{
		"the namespace of the target": {all: []candidate{of(1, 0, 10, a), of(7, 1, 20, a), of(49, 0, 30, b), of(me, 0, 40, b)}, want: []int{1, 7}},
		"a process namespace for all of the pod, with the pause process": {
			all: []candidate{of(1, 0, 5, c), of(8, 1, 10, a), of(12, 8, 11, a), of(20, 0, 10, b), of(me, 0, 40, b)}, want: []int{8, 12},
		},
		"commands that exec started, and orphans of the pause process": {
			all: []candidate{of(1, 0, 5, c), of(30, 0, 90, a), of(31, 1, 91, a), of(8, 0, 10, a), of(me, 0, 40, b)}, want: []int{8, 30, 31},
		},
		"a first process whose number is higher": {all: []candidate{of(90, 0, 10, a), of(8, 0, 99, a), of(me, 0, 40, b)}, want: []int{90, 8}},
		"started in the same moment":             {all: []candidate{of(9, 0, 10, a), of(8, 0, 10, a), of(me, 0, 40, b)}, want: []int{8, 9}},
		"a child as old as the first":            {all: []candidate{of(8, 9, 10, a), of(9, 0, 10, a), of(me, 0, 40, b)}, want: []int{9, 8}},
		"seen from a cgroup namespace":           {all: []candidate{of(1, 0, 10, "/../cri-containerd-"+idA+".scope"), of(me, 0, 40, "/")}, want: []int{1}},
		"another container alone":                {all: []candidate{of(1, 0, 10, c), of(me, 0, 40, b)}, wrong: "of 1 other containers, and none of " + idA},
		"another container, and process 1 said":  {all: []candidate{of(1, 0, 10, c), of(me, 0, 40, b)}, processOne: true, wrong: "none of " + idA},
		"the collector's own":                    {all: []candidate{of(1, 0, 10, c), of(me, 0, 40, a)}, wrong: "in which the collector runs"},
		"only the collector":                     {all: []candidate{of(49, 0, 30, b), of(me, 0, 40, b)}, wrong: "no container's ID"},
		"hierarchies disagree":                   {all: []candidate{of(1, 0, 10, a, c), of(me, 0, 40, b)}, wrong: "name " + idA + " and other containers"},
		"one that disagrees":                     {all: []candidate{of(1, 0, 10, a), of(2, 1, 10, a, c), of(me, 0, 40, b)}, want: []int{1}, partly: true, note: "[2]"},
		"the collector is not there":             {all: []candidate{of(1, 0, 10, a)}, wrong: "does not show the collector"},
		"no IDs, and nothing said":               {all: []candidate{of(1, 0, 10, "/"), of(me, 0, 40, "/")}, wrong: "--process-one"},
		"no IDs, process 1 said": {
			all:        []candidate{of(1, 0, 10, "/"), of(2, 0, 60, "/"), of(3, 1, 20, "/"), of(4, 0, 70, "/"), of(49, 0, 30, "/"), of(me, 0, 40, "/")},
			processOne: true, want: []int{1, 3, 2}, note: "no container's ID can be seen",
		},
		"no IDs, process 1 is the collector's": {
			all: []candidate{of(1, 0, 10, "/"), of(49, 0, 40, "/")}, processOne: true, wrong: "does not show the collector",
		},
		"no IDs, no process 1": {all: []candidate{of(2, 0, 10, "/"), of(me, 0, 40, "/")}, processOne: true, wrong: "process 1 is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choose(test.all, me, idA, test.processOne, func(pid int) int { return mounts[pid] })
			if test.wrong != "" {
				if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), test.wrong) {
					t.Fatalf("error %v, want one that says %q", err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var pids []int
			for _, m := range got.members {
				pids = append(pids, m.pid)
			}
			if !slices.Equal(pids, test.want) || got.first.pid != test.want[0] {
				t.Errorf("chose %v, first %d; want %v", pids, got.first.pid, test.want)
			}
			if got.complete == test.partly || !strings.Contains(got.note, test.note) || (test.note == "") != (got.note == "") {
				t.Errorf("complete %v, note %q", got.complete, got.note)
			}
		})
	}
}

func TestChooseNeverTakesTheCollectorsOwnProcessOne(t *testing.T) {
	all := []candidate{of(1, 0, 10, "/"), of(50, 0, 40, "/")}
	for name, mounts := range map[string]map[int]int{
		"the same root":        {1: 500, 50: 500},
		"one unknown":          {1: 0, 50: 500},
		"both unknown":         {},
		"the collector's, not": {1: 500},
	} {
		_, err := choose(all, 50, idA, true, func(pid int) int { return mounts[pid] })
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestExplain(t *testing.T) {
	id := func(n uint32) [4]uint32 { return [4]uint32{n, n, n, n} }
	me := status{uid: id(65532), gid: id(65532), permitted: 1}
	for name, test := range map[string]struct {
		target    status
		canSwitch bool
		want      []string
	}{
		"another user":        {status{uid: id(10001), gid: id(10002)}, false, []string{"uid 10001 and gid 10002", "asked as uid 65532 and gid 65532", "--allow-ptrace"}},
		"another group":       {status{uid: id(65532), gid: id(0)}, false, []string{"uid 65532 and gid 0"}},
		"IDs that differ":     {status{uid: [4]uint32{1, 0, 0, 0}, gid: id(1)}, true, []string{"uid 1/0/0", "IDs differ"}},
		"capabilities":        {status{uid: id(65532), gid: id(65532), permitted: 1 | 1<<12 | 1<<13}, true, []string{"with CAP_NET_ADMIN, CAP_NET_RAW, which we do not have"}},
		"nothing that we see": {status{uid: id(65532), gid: id(65532), permitted: 1}, false, []string{"user, group and capabilities fit", "file capabilities"}},
	} {
		got := explain(7, &test.target, &me, test.canSwitch)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", name, got, want)
			}
		}
	}
}
