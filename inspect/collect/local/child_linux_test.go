package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// The tests run their own program again to have processes with other users,
// roots and namespaces. What it is to do is in the environment.
const (
	childVariable = "ASSAY_TEST_CHILD"
	childOrder    = "ASSAY_TEST_ORDER"

	childStat    = "stat"    // tell where paths lead in another root
	childCollect = "collect" // become somebody else, and then:
	childRead    = "read"    // collect, and write the snapshot
	childMounts  = "mounts"  // mount this and that, and collect
	childTarget  = "target"  // become a container, and run the helper in it
)

// who is a user with capabilities.
type who struct {
	uid, gid int
	caps     uint64
}

// order tells a child what to do.
type order struct {
	Source Source
	Plan   *snapshot.Plan
	UID    int
	GID    int
	Caps   uint64
}

func TestMain(m *testing.M) {
	what := os.Getenv(childVariable)
	if what == "" {
		os.Exit(m.Run())
	}
	var o order
	err := json.Unmarshal([]byte(os.Getenv(childOrder)), &o)
	if err == nil {
		err = obey(what, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func obey(what string, o *order) error {
	switch what {
	case childStat:
		return statInRoot(o)
	case childCollect:
		return becomeAndRun(o, "/proc/self/exe", childRead)
	case childRead:
		return readAndSave(o)
	case childMounts:
		if err := mountThings(o.Source.Root); err != nil {
			return err
		}
		return readAndSave(o)
	case childTarget:
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil { // the parent has put us in a cgroup
			return err
		}
		if err := enterRoot(o.Source.Root); err != nil {
			return err
		}
		return becomeAndRun(o, "/helper", "")
	}
	return errors.New("no such child")
}

// reexec is this program, started again for something.
func reexec(t *testing.T, what string, o order) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"="+what, childOrder+"="+string(text))
	cmd.Stderr = os.Stderr
	return cmd
}

// collectAs collects as somebody else.
func collectAs(t *testing.T, w who, from Source, plan *snapshot.Plan) *snapshot.Snapshot {
	t.Helper()
	out, err := reexec(t, childCollect, order{Source: from, Plan: plan, UID: w.uid, GID: w.gid, Caps: w.caps}).Output()
	must(t, err)
	s, err := snapshot.Load(bytes.NewReader(out), snapshot.LoadLimits{})
	must(t, err)
	return s
}

// withMounts collects a tree with mounts in it, in a mount namespace of its own.
func withMounts(t *testing.T, root string) ([]byte, error) {
	t.Helper()
	cmd := reexec(t, childMounts, order{Source: Source{Root: root}, Plan: &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/"}}}})
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	return cmd.Output()
}

func readAndSave(o *order) error {
	ctx, cancel := contextOfTests()
	defer cancel()
	s, err := Collect(ctx, o.Source, o.Plan)
	if err != nil {
		return err
	}
	return snapshot.Save(os.Stdout, s, snapshot.SaveOptions{KeepSecrets: true})
}

// statInRoot asks the kernel where paths lead, as a process with another root.
func statInRoot(o *order) error {
	if err := errors.Join(syscall.Chroot(o.Source.Root), os.Chdir("/")); err != nil {
		return err
	}
	inodes := map[string]uint64{}
	for _, name := range o.Plan.Files {
		if st, err := os.Stat(name); err == nil {
			inodes[name] = st.Sys().(*syscall.Stat_t).Ino
		}
	}
	return json.NewEncoder(os.Stdout).Encode(inodes)
}

func mountThings(root string) error {
	in := func(name string) string { return filepath.Join(root, name) }
	return errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(in("data"), in("bound"), "", unix.MS_BIND, ""),
		os.Mkdir(in("tmpfs"), 0o755), unix.Mount("none", in("tmpfs"), "tmpfs", 0, ""),
		unix.Mount("/proc/version", in("file"), "", unix.MS_BIND, ""),
	)
}

// enterRoot makes a folder the root of this process's mount namespace, as a runtime does.
func enterRoot(root string) error {
	old := filepath.Join(root, "old")
	return errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(root, root, "", unix.MS_BIND, ""),
		os.Mkdir(old, 0o700), os.Mkdir(filepath.Join(root, "proc"), 0o755),
		unix.PivotRoot(root, old), os.Chdir("/"),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Unmount("/old", unix.MNT_DETACH), os.Remove("/old"),
	)
}

// becomeAndRun runs a program as somebody else, in this process's place.
func becomeAndRun(o *order, program, what string) error {
	runtime.LockOSThread()
	for n := range 64 {
		if o.Caps&(1<<n) == 0 {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0) // not all numbers are capabilities
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, ids(unix.SYS_SETRESGID, o.GID), ids(unix.SYS_SETRESUID, o.UID)} {
		if _, _, e := unix.RawSyscall(call[0], call[1], call[2], call[3]); e != 0 {
			return e
		}
	}
	if o.UID != 0 {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		for i := range data {
			some := uint32(o.Caps >> (32 * i))
			data[i] = unix.CapUserData{Effective: some, Permitted: some, Inheritable: some}
		}
		if err := unix.Capset(&header, &data[0]); err != nil {
			return err
		}
		for n := range 64 {
			if o.Caps&(1<<n) != 0 {
				if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0); err != nil {
					return err
				}
			}
		}
	}
	env := []string{childVariable + "=" + what, childOrder + "=" + os.Getenv(childOrder), "SWORD=fish"}
	return syscall.Exec(program, []string{program, "an argument"}, env)
}

func ids(call uintptr, id int) [4]uintptr {
	return [4]uintptr{call, uintptr(id), uintptr(id), uintptr(id)}
}

// ports are what a target listens on.
type ports struct{ TCP, UDP int }

// helper builds the static program that runs in the containers.
func helper(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can make a container")
	}
	out := filepath.Join(t.TempDir(), "helper")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "./testdata/helper")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// running is a container that a test has started.
type running struct {
	id      string
	pid     int
	ports   ports
	started time.Time
	stop    func()
}

// startContainer starts this program in namespaces and a cgroup of its own, as somebody.
func startContainer(t *testing.T, program string, w who, change func(root string)) running {
	t.Helper()
	root := makeRoot(t, program, w)
	if change != nil {
		change(root)
	}
	r := running{id: newID(), started: time.Now()}
	group := makeCgroup(t, r.id)
	r.run(t, root, w, func() { must(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), fmt.Append(nil, r.pid), 0o644)) })
	return r
}

// makeRoot makes a container's file system.
func makeRoot(t *testing.T, program string, w who) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&1 == 0 {
			must(t, os.Chmod(dir, 0o711))
		}
	}
	content, err := os.ReadFile(program)
	must(t, err, os.Chmod(root, 0o755), os.WriteFile(filepath.Join(root, "helper"), content, 0o755), os.Chmod(filepath.Join(root, "helper"), 0o755),
		os.WriteFile(filepath.Join(root, "hello"), []byte("from the container"), 0o644), os.WriteFile(filepath.Join(root, "mine"), []byte("secret"), 0o600),
		os.Chown(filepath.Join(root, "mine"), w.uid, w.gid))
	return root
}

// run starts the container's first process, which waits until it is placed.
func (r *running) run(t *testing.T, root string, w who, place func()) {
	t.Helper()
	cmd := reexec(t, childTarget, order{Source: Source{Root: root}, UID: w.uid, GID: w.gid, Caps: w.caps})
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Skipf("this system lets us make no namespaces: %v", err)
	}
	r.pid = cmd.Process.Pid
	stopped := false
	r.stop = func() {
		if !stopped {
			stopped = true
			_ = in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(r.stop)
	place()
	_, err = in.Write([]byte{'g'})
	must(t, err, json.NewDecoder(out).Decode(&r.ports))
}

// newID is the ID of a container that there is not yet.
func newID() string {
	return fmt.Sprintf("%016x%016x%016x%016x", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
}

// makeCgroup makes a cgroup with a container's name, in whatever hierarchy this system has.
func makeCgroup(t *testing.T, id string) string {
	t.Helper()
	var tried []string
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"} {
		parent := filepath.Join(top, fmt.Sprintf("assay-test-%d", os.Getpid()))
		if _, err := os.Stat(filepath.Join(top, "cgroup.procs")); err != nil {
			continue
		}
		group := filepath.Join(parent, id)
		if err := os.MkdirAll(group, 0o755); err != nil {
			tried = append(tried, err.Error())
			continue
		}
		t.Cleanup(func() { // runs after the container was stopped
			deadline := time.Now().Add(10 * time.Second)
			for os.Remove(group) != nil && time.Now().Before(deadline) {
				runtime.Gosched()
			}
			_ = os.Remove(parent)
		})
		return group
	}
	t.Skipf("no cgroup can be made here: %s", strings.Join(tried, "; "))
	return ""
}
