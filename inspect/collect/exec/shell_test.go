package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestScriptIsConstantAndSmall(t *testing.T) {
	if n := len(url.QueryEscape(script())); n > 7000 {
		t.Errorf("in a URL the script takes %d bytes; some proxies have room for 8 KiB with all the rest", n)
	}
	if strings.Contains(script(), "<<") {
		t.Error("the script holds a here-document, which shells put into a file")
	}
	for _, line := range strings.Split(source, "\n") {
		// Output to anywhere but /dev/null and other streams would be writing.
		rest := strings.NewReplacer(">/dev/null", "", "2>&1", "", "4>&2", "").Replace(line)
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && strings.Contains(rest, ">") && !strings.Contains(rest, "%n") {
			t.Errorf("the script may write with %q", line)
		}
	}
}

// someUID is a user that is nobody.
const someUID = 65534

func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("to become another user takes root")
	}
}

func TestPermissions(t *testing.T) {
	asNobody(t)
	root := t.TempDir()
	for p := root; p != "/"; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o005 != 0o005 && strings.HasPrefix(p, os.TempDir()+"/") {
			chmod(t, p, 0o755)
		}
	}
	write(t, root+"/open", []byte("all"), 0o644)
	write(t, root+"/secret", []byte("mine"), 0o600)
	for name, mode := range map[string]os.FileMode{"closed": 0o700, "listable": 0o744, "passable": 0o711} {
		mkdir(t, root+"/"+name)
		write(t, root+"/"+name+"/inside", []byte("x"), 0o644)
		chmod(t, root+"/"+name, mode)
	}
	plan := &snapshot.Plan{
		Files: []string{root + "/open", root + "/secret", root + "/closed/inside", root + "/closed/none", root + "/passable/inside", root + "/passable/none", root + "/gone"},
		Stats: []string{root + "/closed", root + "/listable", root + "/passable"},
		Trees: []snapshot.Tree{{Path: root}},
	}
	eachShell(t, func(t *testing.T, run *local) {
		run.uid = someUID
		s, usage := take(t, run, plan)
		if usage.UID == nil || *usage.UID != someUID || usage.GID == nil || *usage.GID != someUID {
			t.Errorf("asked as %v:%v, want %d", usage.UID, usage.GID, someUID)
		}
		for p, want := range map[string][2]snapshot.State{
			"/open":            {snapshot.Present, snapshot.Present},
			"/secret":          {snapshot.Present, snapshot.Denied},
			"/closed/inside":   {snapshot.Denied, snapshot.NotCollected},
			"/closed/none":     {snapshot.Denied, snapshot.NotCollected},
			"/passable/inside": {snapshot.Present, snapshot.Present},
			"/passable/none":   {snapshot.Absent, snapshot.Absent},
			"/gone":            {snapshot.Absent, snapshot.Absent},
			"/listable/inside": {snapshot.Denied, snapshot.NotCollected},
		} {
			e := s.Entry(root + p)
			if e.Meta.State != want[0] || e.Content.State != want[1] && want[0] == snapshot.Present {
				t.Errorf("%s is %+v with content %+v, want %v", p, e.Meta, e.Content, want)
			}
			if e.Meta.State == snapshot.Denied && !strings.Contains(e.Meta.Detail, "uid 65534") {
				t.Errorf("%s: %q does not say who asked", p, e.Meta.Detail)
			}
		}
		for p, want := range map[string]snapshot.State{"/closed": snapshot.Denied, "/passable": snapshot.Denied, "/listable": snapshot.Denied, "": snapshot.Present} {
			if e := s.Entry(root + p); e.Listing.State != want {
				t.Errorf("the names in %s are %+v, want %s", p, e.Listing, want)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/a", bytes.Repeat([]byte("a"), 3000), 0o644)
	write(t, root+"/b", bytes.Repeat([]byte("b"), 900), 0o644)
	write(t, root+"/c", bytes.Repeat([]byte("c"), 900), 0o644)
	huge := root + "/huge"
	write(t, huge, nil, 0o644)
	if err := os.Truncate(huge, 2<<30); err != nil {
		t.Fatal(err)
	}
	eachShell(t, func(t *testing.T, run *local) {
		s, usage := take(t, run, &snapshot.Plan{Files: []string{huge, root + "/a", root + "/b"}, Limits: snapshot.Limits{FileBytes: 1000}})
		for p, want := range map[string]int{"/huge": 1000, "/a": 1000, "/b": 900} {
			state := snapshot.Truncated
			if p == "/b" {
				state = snapshot.Present
			}
			if data, e := s.Content(root + p); len(data) != want || e.Content.State != state {
				t.Errorf("%s: %d bytes, %+v, want %d", p, len(data), e.Content, want)
			}
		}
		if usage.Bytes > 200_000 {
			t.Errorf("%d bytes came for files of which 1000 bytes each are wanted", usage.Bytes)
		}
		s, _ = take(t, run, &snapshot.Plan{Files: []string{root + "/b", root + "/c"}, Limits: snapshot.Limits{TotalBytes: 1000}})
		var states []snapshot.State
		for _, p := range []string{"/b", "/c"} {
			_, e := s.Content(root + p)
			states = append(states, e.Content.State)
		}
		slices.Sort(states)
		if !slices.Equal(states, []snapshot.State{snapshot.Present, snapshot.Truncated}) {
			t.Errorf("with room for one of two files: %v", states)
		}
	})
}

func TestTooManyEntries(t *testing.T) {
	root := t.TempDir()
	for i := range 300 {
		mkdir(t, fmt.Sprintf("%s/d%d", root, i))
	}
	write(t, root+"/wanted", []byte("w"), 0o644)
	plan := &snapshot.Plan{Trees: []snapshot.Tree{{Path: root}}, Files: []string{root + "/wanted"}, Processes: true, Limits: snapshot.Limits{Files: 250}}
	eachShell(t, func(t *testing.T, run *local) {
		s, _ := take(t, run, plan)
		if e := s.Entry(root); e.Listing.State != snapshot.Truncated {
			t.Errorf("the names are %+v, want truncated", e.Listing)
		}
		if data, e := s.Content(root + "/wanted"); string(data) != "w" {
			t.Errorf("a file that is asked for by name is %+v", e.Content)
		}
		if _, f := s.Processes(); f.State != snapshot.Present {
			t.Errorf("processes are %+v", f)
		}
	})
}

func TestGlobs(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"/etc/a.conf", "/etc/.b.conf", "/etc/c.txt", "/home/x/.ssh/key", "/home/y/.ssh/key", "/real/.ssh/key"} {
		mkdir(t, filepath.Dir(root+name))
		write(t, root+name, []byte(name), 0o644)
	}
	mkdir(t, root+"/home/z")
	link(t, "../real", root+"/home/l")
	link(t, "c.txt", root+"/etc/d.conf")
	plan := &snapshot.Plan{Globs: []snapshot.Glob{
		{Pattern: root + "/etc/*.conf", Contents: true}, {Pattern: root + "/home/*/.ssh/key", Contents: true}, {Pattern: root + "/none/*/x"}, {Pattern: root + "/etc/[ab].*"},
	}}
	eachShell(t, func(t *testing.T, run *local) {
		s, _ := take(t, run, plan)
		for pattern, want := range map[string][]string{
			"/etc/*.conf": {"/etc/.b.conf", "/etc/a.conf", "/etc/d.conf"}, "/home/*/.ssh/key": {"/home/x/.ssh/key", "/home/y/.ssh/key", "/real/.ssh/key"}, "/none/*/x": nil, "/etc/[ab].*": {"/etc/a.conf"},
		} {
			found, f := s.Glob(root + pattern)
			var got []string
			for _, e := range found {
				got = append(got, strings.TrimPrefix(e.Path, root))
				if data, at := s.Content(e.Path); pattern != "/etc/[ab].*" && string(data) != strings.TrimPrefix(at.Path, root) {
					t.Errorf("%s holds %q, %+v", at.Path, data, at.Content)
				}
			}
			if !slices.Equal(got, want) || f.State != snapshot.Present {
				t.Errorf("%s: %v (%+v), want %v", pattern, got, f, want)
			}
		}
	})
}

func TestTreeBehindALink(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root+"/usr/bin/deep")
	write(t, root+"/usr/bin/deep/x.pem", []byte("key"), 0o644)
	link(t, "usr/bin", root+"/bin")
	eachShell(t, func(t *testing.T, run *local) {
		s, _ := take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root + "/bin", Contents: []string{"*.pem"}}}})
		if data, e := s.Content(root + "/bin/deep/x.pem"); string(data) != "key" || e.Path != root+"/usr/bin/deep/x.pem" {
			t.Errorf("through the link: %q, %+v", data, e)
		}
	})
}

func TestProcesses(t *testing.T) {
	asNobody(t)
	const secret = "vALUE-that-must-not-leave"
	victim := osexec.CommandContext(t.Context(), "sleep", "1000")
	victim.Env = []string{"PATH=/bin:/usr/bin", "MULTI=a\nFAKE=" + secret, "TOKEN=" + secret, "EMPTY=", "no equals " + secret}
	other := osexec.CommandContext(t.Context(), "sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4712}}
	for _, c := range []*osexec.Cmd{victim, other} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	eachShell(t, func(t *testing.T, run *local) {
		var raw bytes.Buffer
		run.copy = &raw
		s, _ := take(t, run, &snapshot.Plan{Processes: true, Mounts: true, Sockets: true})
		if bytes.Contains(raw.Bytes(), []byte(secret)) {
			t.Error("the value of a variable came out")
		}
		list, f := s.Processes()
		if f.State != snapshot.Present {
			t.Fatalf("processes: %+v", f)
		}
		p := find(t, list, victim.Process.Pid)
		if p.Name != "sleep" || !slices.Equal(p.Args, []string{"sleep", "1000"}) || p.Own || p.ParentPID != os.Getpid() || p.UID[1] != 0 || !strings.HasPrefix(p.Exe, "/") {
			t.Errorf("%+v", p)
		}
		if want := []string{"EMPTY", "MULTI", "PATH", "TOKEN"}; !slices.Equal(p.Env, want) || p.EnvFact.State != snapshot.Present {
			t.Errorf("variables %q %+v, want %q", p.Env, p.EnvFact, want)
		}
		if d := time.Since(p.Started); d < 0 || d > 10*time.Minute {
			t.Errorf("it began %v ago", d)
		}
		if p := find(t, list, other.Process.Pid); p.UID != [4]uint32{4711, 4711, 4711, 4711} || p.GID[0] != 4712 || p.CapEffective != 0 {
			t.Errorf("%+v", p)
		}
		own := 0
		for _, p := range list {
			if p.Own {
				own++
			}
		}
		if own == 0 || own > 8 {
			t.Errorf("%d processes are said to be the collector's own", own)
		}
		mounts, f := s.Mounts()
		if len(mounts) == 0 || f.State != snapshot.Present {
			t.Errorf("mounts: %d, %+v", len(mounts), f)
		}
	})
	t.Run("as another user", func(t *testing.T) {
		s, _ := take(t, &local{sh: []string{"bash", "--posix"}, uid: someUID}, &snapshot.Plan{Processes: true})
		list, _ := s.Processes()
		p := find(t, list, victim.Process.Pid)
		if p.EnvFact.State != snapshot.Denied || p.ExeFact.State != snapshot.Denied || p.Status.State != snapshot.Present || p.ArgsFact.State != snapshot.Present {
			t.Errorf("%+v", p)
		}
	})
}

func find(t *testing.T, list []snapshot.Process, pid int) snapshot.Process {
	t.Helper()
	for _, p := range list {
		if p.PID == pid {
			return p
		}
	}
	t.Fatalf("process %d is not among %d", pid, len(list))
	return snapshot.Process{}
}

// session lists the processes of a session that still run or are zombies.
func session(t *testing.T, id int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if fields[3] == strconv.Itoa(id) {
			found = append(found, string(data))
		}
	}
	return found
}

// awaitEmpty waits until nothing of a session is left, as it must be soon.
func awaitEmpty(t *testing.T, id int, zombiesMay bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := session(t, id)
		if zombiesMay {
			left = slices.DeleteFunc(left, func(s string) bool { return strings.Contains(s, ") Z ") })
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: %q", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestNothingIsLeft(t *testing.T) {
	root := nastyTree(t)
	eachShell(t, func(t *testing.T, run *local) {
		var ids []int
		run.started = func(pid int) { ids = append(ids, pid) }
		take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root, Contents: []string{"*"}}}, Processes: true, Sockets: true})
		for _, id := range ids {
			if left := session(t, id); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		}
	})
}

// stuck is a runner of which nothing comes any more after so many bytes.
type stuck struct {
	*local
	after int
	reach chan struct{}
}

func (s *stuck) Run(ctx context.Context, c stream.Command) (stream.Result, error) {
	c.Stdout = &gate{stuck: s, ctx: ctx}
	return s.local.Run(ctx, c)
}

type gate struct {
	*stuck
	ctx context.Context
}

func (g *gate) Write(p []byte) (int, error) {
	if g.after -= len(p); g.after <= 0 {
		g.after = 1 << 60
		close(g.reach)
		<-g.ctx.Done()
		return 0, g.ctx.Err()
	}
	return len(p), nil
}

func TestCancelEndsTheScript(t *testing.T) {
	root := t.TempDir()
	for i := range 3000 {
		write(t, fmt.Sprintf("%s/%d", root, i), nil, 0o644)
	}
	eachShell(t, func(t *testing.T, run *local) {
		var id int
		run.started = func(pid int) { id = pid }
		ctx, cancel := context.WithCancel(t.Context())
		blocked := &stuck{local: run, after: 1000, reach: make(chan struct{})}
		go func() {
			<-blocked.reach
			cancel()
		}()
		_, err := (&Collector{run: blocked}).Collect(ctx, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root}}}, snapshot.NewBuilder(snapshot.Limits{}))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Collect = %v", err)
		}
		awaitEmpty(t, id, false)
	})
}

// hangs makes a folder with a find that hangs, as a real one does on a file
// system that is gone. It says in a file that it has begun.
func hangs(t *testing.T) (bin, begun string) {
	t.Helper()
	bin = t.TempDir()
	begun = bin + "/begun"
	write(t, bin+"/find", []byte("#!/bin/sh\n: >"+begun+"\nexec sleep 1000\n"), 0o755)
	return bin, begun
}

func TestCancelEndsWhatHangs(t *testing.T) {
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := osexec.LookPath(argv[0]); err != nil || name == "busybox ash" {
				t.Skip("not installed, or brings its own find")
			}
			bin, begun := hangs(t)
			var id int
			run := &local{sh: argv, env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, started: func(pid int) { id = pid }}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for ctx.Err() == nil {
					if _, err := os.Stat(begun); err == nil {
						cancel()
					}
					time.Sleep(time.Millisecond)
				}
			}()
			_, err := (&Collector{run: run}).Collect(ctx, &snapshot.Plan{Trees: []snapshot.Tree{{Path: bin}}}, snapshot.NewBuilder(snapshot.Limits{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Collect = %v", err)
			}
			awaitEmpty(t, id, true)
		})
	}
}

func TestTimeIsOver(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/file", []byte("x"), 0o644)
	bin, _ := hangs(t)
	plan := &snapshot.Plan{Trees: []snapshot.Tree{{Path: root}}, Files: []string{root + "/file"}, Limits: snapshot.Limits{Time: time.Second}}
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := osexec.LookPath(argv[0]); err != nil || name == "busybox ash" {
				t.Skip("not installed, or brings its own find")
			}
			var ids []int
			run := &local{sh: argv, env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, started: func(pid int) { ids = append(ids, pid) }}
			begun := time.Now()
			s, _ := take(t, run, plan)
			if d := time.Since(begun); d > 9*time.Second {
				t.Errorf("it took %v with a limit of one second", d)
			}
			if e := s.Entry(root); e.Listing.State != snapshot.Truncated || !strings.Contains(e.Listing.Detail, "time") {
				t.Errorf("the names are %+v", e.Listing)
			}
			if data, e := s.Content(root + "/file"); string(data) != "x" {
				t.Errorf("the file asked for by name is %+v", e.Content)
			}
			for _, id := range ids {
				awaitEmpty(t, id, true)
			}
		})
	}
}

func TestHostileShells(t *testing.T) {
	for name, text := range map[string]string{
		"says nothing":       "exit 0",
		"says something":     "echo hello",
		"endless":            "exec yes",
		"endless fields":     `while :; do printf 'x\0'; done`,
		"endless batch":      `printf 'assay1\0'; printf 'B1000000\0'; while :; do printf '/x\0'; done`,
		"no end":             `printf 'assay1\0'; printf 'i\0000\0000\00012\000a b c\0btime 1\n\000m\0\0'`,
		"wrong end":          `printf 'assay1\0E0123456789abcdef\0'`,
		"unasked content":    `printf 'assay1\0h\0/etc/shadow\0root\0'`,
		"unasked tree":       `printf 'assay1\0t\0/root\0'`,
		"killed":             "kill -9 $$",
		"closes its output":  "exec >&-; sleep 0.2",
		"deaf":               "exec sleep 1000",
		"answers and denies": `read n; printf 'assay1\0E%s\0' "$n"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := t.TempDir() + "/sh"
			write(t, sh, []byte("#!/bin/dash\n"+text+"\n"), 0o755)
			b := snapshot.NewBuilder(snapshot.Limits{})
			plan := &snapshot.Plan{Files: []string{"/etc/passwd"}, Processes: true, Trees: []snapshot.Tree{{Path: "/etc"}}, Limits: snapshot.Limits{Time: time.Second}}
			run := &noOther{local{sh: []string{sh}, started: func(pid int) {
				t.Cleanup(func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
			}}}
			_, err := (&Collector{run: run}).Collect(t.Context(), plan, b)
			s := b.Snapshot()
			if err == nil {
				if e := s.Resolve("/etc/passwd"); e.Content.Known() || e.Meta.Known() {
					t.Errorf("something is believed: %+v", e)
				}
				if _, f := s.Processes(); f.State != snapshot.Failed {
					t.Errorf("processes: %+v", f)
				}
				if e := s.Entry("/etc"); e.Listing.Known() {
					t.Errorf("names: %+v", e.Listing)
				}
			}
			t.Log(err, s.Resolve("/etc/passwd").Meta)
		})
	}
}

// noOther has no command but sh.
type noOther struct{ local }

func (n *noOther) Run(ctx context.Context, c stream.Command) (stream.Result, error) {
	if c.Argv[0] != "sh" {
		return stream.Result{}, &stream.NoCommandError{Command: c.Argv[0], Reason: stream.NotFound}
	}
	return n.local.Run(ctx, c)
}

var _ collect.Collector = (*Collector)(nil)
