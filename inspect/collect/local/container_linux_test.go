package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// contextOfTests bounds what a child may take: nobody waits for it by a context of theirs.
func contextOfTests() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*time.Minute)
}

// usual are the capabilities that a container's root has by default.
const usual = 0xa80425fb

var everything = &snapshot.Plan{
	Files: []string{"/hello", "/mine", "/etc/passwd", "/proc/1/comm"}, Trees: []snapshot.Tree{{Path: "/"}},
	Processes: true, Mounts: true, Sockets: true,
}

func TestContainer(t *testing.T) {
	program := helper(t)
	for name, test := range map[string]struct {
		target, asker who
	}{
		"root, by root":                          {who{0, 0, usual}, who{0, 0, usual}},
		"root without capabilities, by the same": {who{0, 0, 0}, who{0, 0, 0}},
		"a user, by the same":                    {who{10001, 10002, 0}, who{10001, 10002, 0}},
		"a user, by root":                        {who{10001, 10002, 0}, who{0, 0, usual}},
		"a user with capabilities, by root":      {who{10001, 10002, 1<<0 | 1<<10}, who{0, 0, usual}},
		"a user with capabilities, by the same":  {who{10001, 10002, 1 << 10}, who{10001, 10002, 1 << 10}},
		"root of another group, by root":         {who{0, 10002, usual}, who{0, 0, usual}},
		"a privileged one, with SYS_PTRACE":      {who{0, 0, usual | 1<<21 | 1<<12}, who{0, 0, usual | 1<<capPtrace}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startContainer(t, program, test.target, nil)
			s := collectAs(t, test.asker, Source{ContainerID: "containerd://" + r.id}, everything)
			r.expectFiles(t, s, test.asker.uid == 0 && has(test.asker.caps, 1) || test.asker.uid == test.target.uid)
			r.expectProcesses(t, s, test.target)
			r.expectMounts(t, s)
			r.expectSockets(t, s, test.target)
			if notes := strings.Join(s.Origin.Notes, "; "); !strings.Contains(notes, fmt.Sprintf("process %d", r.pid)) || strings.Contains(notes, "closed") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func (r *running) expectFiles(t *testing.T, s *snapshot.Snapshot, all bool) {
	t.Helper()
	if data, e := s.Content("/hello"); string(data) != "from the container" {
		t.Errorf("/hello: %q, %+v", data, e)
	}
	if data, e := s.Content("/mine"); (string(data) == "secret") != all {
		t.Errorf("/mine: %q, %+v", data, e)
	}
	if e := s.Resolve("/etc/passwd"); e.Meta.State != snapshot.Absent {
		t.Errorf("the machine's files show: %+v", e)
	}
	if data, e := s.Content("/proc/1/comm"); string(data) != "helper\n" {
		t.Errorf("/proc/1/comm of the container: %q, %+v", data, e)
	}
	if e := s.Entry("/proc"); e.Listing.State != snapshot.NotCollected {
		t.Errorf("/proc is another mount: %+v", e.Listing)
	}
}

func (r *running) expectProcesses(t *testing.T, s *snapshot.Snapshot, target who) {
	t.Helper()
	processes, whole := s.Processes()
	if whole.State != snapshot.Present || len(processes) != 2 || processes[0].PID != r.pid || processes[1].ParentPID != r.pid {
		t.Fatalf("processes %+v (%v), want %d and its child", processes, whole, r.pid)
	}
	p := processes[0]
	id := [4]uint32{uint32(target.uid), uint32(target.uid), uint32(target.uid), uint32(target.uid)}
	if p.Status.State != snapshot.Present || p.Name != "helper" || p.UID != id || p.GID[3] != uint32(target.gid) || p.CapPermitted != target.caps || p.Own {
		t.Errorf("%+v", p)
	}
	if p.ExeFact.State != snapshot.Present || p.Exe != "/helper" {
		t.Errorf("exe %q (%v)", p.Exe, p.ExeFact)
	}
	if want := []string{"/helper", "an argument"}; p.ArgsFact.State != snapshot.Present || !slices.Equal(p.Args, want) {
		t.Errorf("args %q (%v)", p.Args, p.ArgsFact)
	}
	if want := []string{childOrder, childVariable, "SWORD"}; p.EnvFact.State != snapshot.Present || !slices.Equal(p.Env, slices.Sorted(slices.Values(want))) {
		t.Errorf("environment %q (%v)", p.Env, p.EnvFact)
	}
	if early, late := r.started.Add(-time.Second), time.Now().Add(time.Second); p.Started.Before(early) || p.Started.After(late) {
		t.Errorf("started at %v, which is not between %v and %v", p.Started, early, late)
	}
}

func (r *running) expectMounts(t *testing.T, s *snapshot.Snapshot) {
	t.Helper()
	mounts, whole := s.Mounts()
	var at []string
	for _, m := range mounts {
		at = append(at, m.Target+" "+m.Type)
	}
	if whole.State != snapshot.Present || len(at) != 2 || !strings.HasPrefix(at[0], "/ ") || at[1] != "/proc proc" {
		t.Errorf("mounts %q (%v)", at, whole)
	}
}

func (r *running) expectSockets(t *testing.T, s *snapshot.Snapshot, target who) {
	t.Helper()
	sockets, whole := s.Sockets()
	if whole.State != snapshot.Present || whole.Detail != "" {
		t.Errorf("sockets: %v", whole)
	}
	found := 0
	for _, socket := range sockets {
		port := int(socket.Port)
		ours := socket.Protocol == "tcp" && port == r.ports.TCP || strings.HasPrefix(socket.Protocol, "udp") && port == r.ports.UDP
		if !ours {
			if socket.PID != 0 {
				t.Errorf("somebody else's socket is given to the container: %+v", socket)
			}
			continue
		}
		found++
		if socket.PID != r.pid || socket.UID != uint32(target.uid) || socket.Address != "127.0.0.1" && socket.Address != "::1" {
			t.Errorf("%+v", socket)
		}
	}
	if found != 2 {
		t.Errorf("found %d sockets of 2 in %+v", found, sockets)
	}
}

func TestContainerThatIsClosed(t *testing.T) {
	program := helper(t)
	unreadable := func(root string) { // as a program with file capabilities is, whoever asks
		if err := os.Chmod(filepath.Join(root, "helper"), 0o711); err != nil {
			panic(err)
		}
	}
	for name, test := range map[string]struct {
		target, asker who
		change        func(root string)
		want          []string
	}{
		"another user":           {who{10001, 10002, 0}, who{65532, 65532, 0}, nil, []string{"uid 10001 and gid 10002", "asked as uid 65532 and gid 65532", "--allow-ptrace"}},
		"the same, other group":  {who{65532, 0, 0}, who{65532, 65532, 0}, nil, []string{"uid 65532 and gid 0"}},
		"more capabilities":      {who{0, 0, usual | 1<<12 | 1<<21}, who{0, 0, usual}, nil, []string{"CAP_NET_ADMIN, CAP_SYS_ADMIN", "--allow-ptrace"}},
		"root without SETUID":    {who{10001, 10002, 0}, who{0, 0, usual &^ (1 << capSetuid)}, nil, []string{"uid 10001 and gid 10002", "asked as uid 0 and gid 0"}},
		"an unreadable program":  {who{10001, 10002, 0}, who{10001, 10002, 0}, unreadable, []string{"user, group and capabilities fit"}},
		"that, asked by root":    {who{10001, 10002, 0}, who{0, 0, usual}, unreadable, []string{"user, group and capabilities fit"}},
		"root, asked by nobody":  {who{0, 0, usual}, who{65534, 65534, 0}, nil, []string{"uid 0 and gid 0"}},
		"another user with SETx": {who{10001, 10002, 1 << 10}, who{0, 0, 1<<capSetuid | 1<<capSetgid}, nil, []string{"CAP_NET_BIND_SERVICE"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startContainer(t, program, test.target, test.change)
			s := collectAs(t, test.asker, Source{ContainerID: r.id}, everything)
			e := s.Entry("/hello")
			if e.Meta.State != snapshot.Denied || e.Content.State != snapshot.Denied {
				t.Errorf("/hello: %+v", e)
			}
			for _, want := range test.want {
				if !strings.Contains(e.Meta.Detail, want) {
					t.Errorf("%q does not say %q", e.Meta.Detail, want)
				}
			}
			if e := s.Entry("/"); e.Meta.State != snapshot.Denied || e.Listing.State != snapshot.Denied {
				t.Errorf("the tree: %+v", e)
			}
			processes, whole := s.Processes()
			if whole.State != snapshot.Present || len(processes) != 2 || processes[0].PID != r.pid {
				t.Fatalf("processes %+v (%v)", processes, whole)
			}
			p := processes[0]
			if p.Status.State != snapshot.Present || p.UID[0] != uint32(test.target.uid) || p.CapPermitted != test.target.caps || p.ArgsFact.State != snapshot.Present {
				t.Errorf("what everybody may know: %+v", p)
			}
			if p.ExeFact.State != snapshot.Denied || p.EnvFact.State != snapshot.Denied || len(p.Env) > 0 {
				t.Errorf("what is closed: exe %v, environment %v", p.ExeFact, p.EnvFact)
			}
			r.expectMounts(t, s)
			sockets, whole := s.Sockets()
			if whole.State != snapshot.Present || !strings.Contains(whole.Detail, "2 of 2 processes") || len(sockets) < 2 {
				t.Errorf("sockets %+v (%v)", sockets, whole)
			}
			if notes := strings.Join(s.Origin.Notes, "; "); !strings.Contains(notes, "no file could be read") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func TestFirstProcessThatChangedItsRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change a process's root folder")
	}
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "decoy"), nil, 0o644))
	st, err := os.Open(root)
	must(t, err)
	defer st.Close()
	c := &collector{root: int(st.Fd())}
	tg := &target{task: task{pid: 7}}
	if note := tg.chrooted(c.root); !strings.Contains(note, "chroot") {
		t.Errorf("a folder that is no mount: note %q", note)
	}
	top, err := os.Open("/")
	must(t, err)
	defer top.Close()
	if note := tg.chrooted(int(top.Fd())); note != "" {
		t.Errorf("the root of a mount: note %q", note)
	}
}

func TestContainerThatEnds(t *testing.T) {
	r := startContainer(t, helper(t), who{0, 0, usual}, nil)
	tg, _, err := find(r.id, false)
	must(t, err)
	defer tg.close()
	must(t, tg.alive())
	other := *tg
	other.first.started++
	if err := other.alive(); !errors.Is(err, ErrGone) {
		t.Errorf("another process has taken the number: %v", err)
	}
	r.stop()
	if err := tg.alive(); !errors.Is(err, ErrGone) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := Collect(t.Context(), Source{ContainerID: r.id}, everything); !errors.Is(err, ErrNotFound) {
		t.Errorf("looked for after its end: %v", err)
	}
}

func TestContainerThatIsNotThere(t *testing.T) {
	for name, test := range map[string]struct {
		id   string
		want error
	}{
		"no such container": {newID(), ErrNotFound},
		"no ID":             {"cart", ErrPlan},
	} {
		if _, err := Collect(t.Context(), Source{ContainerID: test.id}, everything); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where no IDs can be seen, process 1 is taken at the caller's word, and never without it.
func TestContainerWithoutAnID(t *testing.T) {
	w := who{0, 0, usual}
	r := running{started: time.Now()}
	r.run(t, makeRoot(t, helper(t), w), w, func() {})
	ask := func(from Source) ([]byte, error) {
		var stderr bytes.Buffer
		inner := reexec(t, childCollect, order{Source: from, Plan: everything, Caps: usual})
		// The target's process namespace, and a mount namespace with a /proc that shows it.
		cmd := exec.CommandContext(t.Context(), "nsenter", "--target", strconv.Itoa(r.pid), "--pid", "--",
			"unshare", "--mount", "--", "sh", "-c", `exec 3<"$0" && mount -t proc proc /proc && exec /proc/self/fd/3`, os.Args[0])
		cmd.Env, cmd.Stderr = inner.Env, &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, stderr.Bytes())
		}
		return out, err
	}
	if _, err := ask(Source{ContainerID: newID()}); err == nil || !strings.Contains(err.Error(), "--process-one") {
		t.Fatalf("nothing was said, and: %v", err)
	}
	out, err := ask(Source{ContainerID: newID(), ProcessOne: true})
	must(t, err)
	s, err := snapshot.Load(bytes.NewReader(out), snapshot.LoadLimits{})
	must(t, err)
	if data, e := s.Content("/hello"); string(data) != "from the container" {
		t.Errorf("/hello: %q, %+v", data, e)
	}
	processes, whole := s.Processes()
	if whole.State != snapshot.Present || len(processes) != 2 || processes[0].PID != 1 || processes[0].Exe != "/helper" {
		t.Errorf("processes %+v (%v)", processes, whole)
	}
	if notes := strings.Join(s.Origin.Notes, "; "); !strings.Contains(notes, "no container's ID can be seen") {
		t.Errorf("notes %q", notes)
	}
}

// Borrowing another user is over when the borrower is: no thread keeps it.
func TestBorrowedUserIsGivenBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	var me status
	me.effective = 1<<capSetuid | 1<<capSetgid
	them := status{uid: [4]uint32{10001, 10001, 10001, 10001}, gid: [4]uint32{10002, 10002, 10002, 10002}}
	for range 50 {
		var uid, gid int
		must(t, reach(&them, &me, func() {
			uid, _ = unix.SetfsuidRetUid(-1)
			gid, _ = unix.SetfsgidRetGid(-1)
		}))
		if uid != 10001 || gid != 10002 {
			t.Fatalf("the borrower had uid %d, gid %d", uid, gid)
		}
	}
	// A thread ends a moment after its goroutine.
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		left := borrowers(t)
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d threads still are somebody else", left)
		}
	}
}

// borrowers counts the threads of this process whose user is not root.
func borrowers(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	must(t, err)
	n := 0
	for _, thread := range threads {
		data, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
		if gone(err) {
			continue
		}
		must(t, err)
		s, err := parseStatus(data)
		must(t, err)
		if s.uid[3] != 0 || s.gid[3] != 0 {
			n++
		}
	}
	return n
}
