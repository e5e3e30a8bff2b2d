package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func collectFolder(t *testing.T, root string, plan *snapshot.Plan) *snapshot.Snapshot {
	t.Helper()
	s, err := Collect(t.Context(), Source{Root: root}, plan)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// nasty makes a tree with all that a file system can hold.
func nasty(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range []string{"etc", "etc/empty", "bin", "tmp", "line\nbreak", "deep", "bad\xff\xfename"} {
		must(t, os.Mkdir(in(dir), 0o755))
	}
	deep := in("deep")
	for range 100 {
		deep = filepath.Join(deep, strings.Repeat("d", 20))
		must(t, os.Mkdir(deep, 0o700))
	}
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0::/:/bin/sh\n", "etc/none": "", "etc/.hidden": "x", "line\nbreak/back\\slash": "a\nb",
		"bad\xff\xfename/\x01\x1b[31m": "escape", "etc/'quoted\" $(name) *": "?", "etc/binary": "\x00\xff\r\n\x1b\x00", "bin/su": "#!", "deep/id_rsa": "key",
	} {
		must(t, os.WriteFile(in(name), []byte(content), 0o644))
	}
	must(t,
		os.Chmod(in("bin/su"), 0o4755|fs.ModeSetuid), os.Chmod(in("tmp"), 0o777|fs.ModeSticky), os.Chmod(in("etc/none"), 0),
		os.Link(in("etc/passwd"), in("etc/passwd-")),
		os.Symlink("passwd", in("etc/link")), os.Symlink("/etc/none", in("bin/absolute")), os.Symlink("missing", in("etc/dangling")),
		os.Symlink("loop", in("etc/loop")), os.Symlink("a\nb\xff", in("etc/odd")),
		syscall.Mkfifo(in("tmp/pipe"), 0o666),
		os.Chtimes(in("etc/passwd"), time.Unix(1, 2), time.Unix(3, 4)), os.Chtimes(in("etc/binary"), time.Unix(-5, 0), time.Unix(-7, 0)),
	)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", in("tmp/socket"))
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	if os.Getuid() == 0 {
		must(t, syscall.Mknod(in("tmp/null"), syscall.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), os.Chown(in("etc/passwd"), 12345, 54321))
	}
	return root
}

// A walk of ours and one by the standard library see the same.
func TestTreeIsWhatIsThere(t *testing.T) {
	root := nasty(t)
	s := collectFolder(t, root, &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*"}}}, FileCapabilities: true})
	got := map[string]snapshot.Entry{}
	for e := range s.Entries() {
		got[e.Path] = e
	}
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		must(t, err)
		at := path.Join("/", strings.TrimPrefix(name, root))
		e, ok := got[at]
		delete(got, at)
		if !ok {
			t.Errorf("%q was not collected", at)
			return nil
		}
		compare(t, name, &e)
		if data, e := s.Content(at); e.Path == at && e.IsRegular() {
			want, err := os.ReadFile(name)
			if err != nil && os.Getuid() != 0 {
				return nil
			}
			must(t, err)
			if !bytes.Equal(data, want) || e.Content.State != snapshot.Present {
				t.Errorf("%q: content %q (%v), want %q", at, data, e.Content, want)
			}
		}
		return nil
	})
	must(t, err)
	if len(got) > 0 {
		t.Errorf("collected what is not there: %q", slices.Sorted(maps.Keys(got)))
	}
}

// compare compares an entry with what the standard library says of the file.
func compare(t *testing.T, name string, e *snapshot.Entry) {
	t.Helper()
	info, err := os.Lstat(name)
	must(t, err)
	st := info.Sys().(*syscall.Stat_t)
	want := snapshot.Entry{
		Path: e.Path, Meta: snapshot.Fact{State: snapshot.Present}, Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size,
		ModTime: time.Unix(st.Mtim.Unix()).UTC(), ChangeTime: time.Unix(st.Ctim.Unix()).UTC(), Device: st.Dev, Inode: st.Ino,
	}
	have := snapshot.Entry{
		Path: e.Path, Meta: e.Meta, Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size,
		ModTime: e.ModTime, ChangeTime: e.ChangeTime, Device: e.Device, Inode: e.Inode,
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%q:\n got %+v\nwant %+v", e.Path, have, want)
	}
	if info.Mode() != e.FileMode() {
		t.Errorf("%q: mode %v, want %v", e.Path, e.FileMode(), info.Mode())
	}
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		if to, err := os.Readlink(name); err != nil || to != e.Link || e.LinkFact.State != snapshot.Present {
			t.Errorf("%q leads to %q (%v), want %q, %v", e.Path, e.Link, e.LinkFact, to, err)
		}
	case fs.ModeDir:
		if e.Listing.State != snapshot.Present {
			t.Errorf("%q: listing %v", e.Path, e.Listing)
		}
	case 0:
		if want := st.Mode&0o111 != 0; (e.CapabilitiesFact.State == snapshot.Absent) != want {
			t.Errorf("%q: capabilities %v", e.Path, e.CapabilitiesFact)
		}
	default:
		if e.Content.State == snapshot.Present {
			t.Errorf("%q is no file, and was read: %v", e.Path, e.Content)
		}
	}
}

func TestFilesThatAreNotFiles(t *testing.T) {
	root := nasty(t)
	s := collectFolder(t, root, &snapshot.Plan{Files: []string{"/tmp/pipe", "/tmp/socket", "/tmp/null", "/etc", "/etc/passwd/x", "/nope/x"}})
	for name, want := range map[string]string{"/tmp/pipe": "a pipe", "/tmp/socket": "a socket", "/tmp/null": "a device", "/etc": "a folder"} {
		e := s.Entry(name)
		if e.Meta.State == snapshot.Absent && os.Getuid() != 0 {
			continue
		}
		if e.Content.State != snapshot.NotCollected || !strings.Contains(e.Content.Detail, want) {
			t.Errorf("%s: content %v", name, e.Content)
		}
	}
	for _, name := range []string{"/etc/passwd/x", "/nope/x"} {
		if e := s.Resolve(name); e.Meta.State != snapshot.Absent {
			t.Errorf("%s: %v", name, e.Meta)
		}
	}
	if e := s.Entry("/etc/passwd"); e.Meta.State == snapshot.Absent {
		t.Error("a file is said to be absent because it is no folder")
	}
}

func TestReadingLeavesNoTrace(t *testing.T) {
	root := nasty(t)
	name := filepath.Join(root, "etc/passwd")
	long := time.Now().Add(-100 * time.Hour) // so long ago that relatime would write
	must(t, os.Chtimes(name, long, long), os.Chtimes(filepath.Dir(name), long, long))
	collectFolder(t, root, &snapshot.Plan{Files: []string{"/etc/passwd"}, Trees: []snapshot.Tree{{Path: "/"}}})
	for _, name := range []string{name, filepath.Dir(name)} {
		var st unix.Stat_t
		must(t, unix.Lstat(name, &st))
		if at := time.Unix(st.Atim.Unix()); !at.Equal(time.Unix(0, long.UnixNano())) {
			t.Errorf("%s was accessed at %v, after %v", name, at, long)
		}
	}
}

func TestGlobs(t *testing.T) {
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	must(t, os.MkdirAll(in("etc/app/..data"), 0o755), os.MkdirAll(in("etc/ssh/x.conf"), 0o755), os.MkdirAll(in("srv/one"), 0o755), os.MkdirAll(in("srv/two"), 0o755),
		os.WriteFile(in("etc/app/..data/a.conf"), []byte("A"), 0o644), os.Symlink("..data/a.conf", in("etc/app/a.conf")), // as a ConfigMap's
		os.WriteFile(in("etc/ssh/.hidden.conf"), []byte("H"), 0o644), os.WriteFile(in("etc/ssh/other"), []byte("O"), 0o644),
		os.WriteFile(in("srv/one/key"), []byte("1"), 0o644), os.Symlink("srv", in("alias")), os.Symlink("/nope", in("etc/ssh/d.conf")),
		syscall.Mkfifo(in("etc/ssh/p.conf"), 0o644))
	s := collectFolder(t, root, &snapshot.Plan{Globs: []snapshot.Glob{
		{Pattern: "/etc/*/*.conf", Contents: true}, {Pattern: "/alias/*/key"}, {Pattern: "/none/*.conf"}, {Pattern: "/etc/passwd"},
	}})
	for name, want := range map[string]string{"/etc/app/a.conf": "A", "/etc/ssh/.hidden.conf": "H"} {
		if data, e := s.Content(name); string(data) != want {
			t.Errorf("%s: %q, %+v", name, data, e)
		}
	}
	if _, e := s.Content("/etc/ssh/other"); e.Content.State != snapshot.NotCollected || e.Meta.State != snapshot.Present {
		t.Errorf("a file that does not match: %+v", e)
	}
	for pattern, want := range map[string][]string{
		"/etc/*/*.conf": {"/etc/app/a.conf", "/etc/ssh/.hidden.conf", "/etc/ssh/d.conf", "/etc/ssh/p.conf", "/etc/ssh/x.conf"},
		"/none/*.conf":  nil, "/etc/passwd": nil,
	} {
		matches, whole := s.Glob(pattern)
		var names []string
		for _, m := range matches {
			names = append(names, m.Path)
		}
		if !slices.Equal(names, want) || whole.State != snapshot.Present {
			t.Errorf("%s matches %q (%v), want %q", pattern, names, whole, want)
		}
	}
	if e := s.Resolve("/alias/one/key"); e.Meta.State != snapshot.Present || e.Size != 1 {
		t.Errorf("below a link: %+v", e)
	}
	if e := s.Resolve("/alias/two/key"); e.Meta.State != snapshot.Absent {
		t.Errorf("below a link, not there: %+v", e)
	}
}

func TestStatListsAFolder(t *testing.T) {
	root := nasty(t)
	s := collectFolder(t, root, &snapshot.Plan{Stats: []string{"/etc", "/etc/passwd", "/tmp"}})
	want, err := os.ReadDir(filepath.Join(root, "etc"))
	must(t, err)
	got, err := fs.ReadDir(s, "etc")
	if err != nil || len(got) == 0 || len(got) > len(want) {
		t.Errorf("%d names, want %d (%v)", len(got), len(want), err)
	}
	if e := s.Entry("/etc"); e.Listing.State != snapshot.Present || e.Content.State == snapshot.Present {
		t.Errorf("/etc: %+v", e)
	}
	if e := s.Entry("/etc/passwd"); e.Content.State != snapshot.NotCollected {
		t.Errorf("/etc/passwd was read: %+v", e.Content)
	}
}

func TestProcSelfIsNotTheContainer(t *testing.T) {
	s := collectFolder(t, "/", &snapshot.Plan{Files: []string{"/proc/self/status", "/proc/thread-self/comm", "/proc/mounts", "/proc/version"}})
	for _, name := range []string{"/proc/self/status", "/proc/thread-self/comm", "/proc/self/mounts"} {
		if e := s.Entry(name); e.Content.State != snapshot.NotCollected || !strings.Contains(e.Content.Detail+e.Meta.Detail, "the collector") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if data, e := s.Content("/proc/version"); len(data) == 0 || e.Content.State != snapshot.Present {
		t.Errorf("/proc/version has no size and a content: %q, %+v", data, e)
	}
}

func TestMountsEndATree(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "bound"), 0o755), os.MkdirAll(filepath.Join(root, "data/below"), 0o755), os.WriteFile(filepath.Join(root, "file"), nil, 0o644))
	out, err := withMounts(t, root)
	if err != nil {
		t.Skipf("this system lets us mount nothing: %v: %s", err, out)
	}
	s, err := snapshot.Load(bytes.NewReader(out), snapshot.LoadLimits{})
	must(t, err)
	for _, name := range []string{"/bound", "/tmpfs"} {
		e := s.Entry(name)
		if e.Meta.State != snapshot.Present || e.Listing.State != snapshot.NotCollected || !strings.Contains(e.Listing.Detail, "mounted here") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := s.Entry("/bound/below"); e.Meta.Known() {
		t.Errorf("what is below a mount of the same file system: %+v", e)
	}
	if e := s.Entry("/data/below"); e.Meta.State != snapshot.Present || e.Listing.State != snapshot.Present {
		t.Errorf("what is in the tree: %+v", e)
	}
	if e := s.Entry("/file"); e.Meta.State != snapshot.Present {
		t.Errorf("a file that something is mounted on: %+v", e)
	}
}

func TestDenied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	for dir := root; dir != "/"; dir = filepath.Dir(dir) { // the test's folders are root's
		if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&1 == 0 {
			must(t, os.Chmod(dir, 0o711))
		}
	}
	must(t, os.Chmod(root, 0o755), os.WriteFile(in("shadow"), []byte("x"), 0o600), os.WriteFile(in("open"), []byte("x"), 0o644),
		os.Mkdir(in("private"), 0o700), os.WriteFile(in("private/key"), []byte("x"), 0o644), os.Mkdir(in("noread"), 0o711), os.WriteFile(in("noread/known"), []byte("k"), 0o644),
		os.Symlink("private/key", in("link")))
	s := collectAs(t, who{uid: 65534, gid: 65534}, Source{Root: root}, &snapshot.Plan{
		Files: []string{"/shadow", "/open", "/private/key", "/link", "/noread/known", "/private/nope"},
		Stats: []string{"/private", "/noread"}, Trees: []snapshot.Tree{{Path: "/"}}, Globs: []snapshot.Glob{{Pattern: "/private/*"}},
	})
	denied := func(name string, f snapshot.Fact) {
		t.Helper()
		if f.State != snapshot.Denied || !strings.Contains(f.Detail, "asked as uid 65534, gid 65534") {
			t.Errorf("%s: %v", name, f)
		}
	}
	denied("the content of /shadow", s.Entry("/shadow").Content)
	denied("/private/key", s.Entry("/private/key").Meta)
	denied("/private/nope", s.Entry("/private/nope").Meta)
	denied("the names in /private", s.Entry("/private").Listing)
	denied("the names in /noread", s.Entry("/noread").Listing)
	denied("what /link leads to", s.Resolve("/link").Meta)
	if _, whole := s.Glob("/private/*"); whole.State != snapshot.Denied {
		t.Errorf("a pattern in a closed folder: %v", whole)
	}
	if e := s.Entry("/shadow"); e.Meta.State != snapshot.Present || e.Mode&0o777 != 0o600 {
		t.Errorf("the metadata of /shadow are for everybody: %+v", e)
	}
	for _, name := range []string{"/open", "/noread/known"} {
		if _, e := s.Content(name); e.Content.State != snapshot.Present {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if uid := s.Origin.UID; uid == nil || *uid != 65534 {
		t.Errorf("asked as %v", uid)
	}
}

func TestFileCapabilities(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "ping")
	must(t, os.WriteFile(name, nil, 0o755), os.WriteFile(filepath.Join(root, "data"), nil, 0o644))
	// VFS_CAP_REVISION_2, effective; permitted: CAP_NET_RAW
	want := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(name, "security.capability", want, 0); err != nil {
		t.Skipf("no file can be given capabilities here: %v", err)
	}
	plan := &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/"}}, FileCapabilities: true}
	s := collectFolder(t, root, plan)
	if e := s.Entry("/ping"); e.CapabilitiesFact.State != snapshot.Present || !bytes.Equal(e.Capabilities, want) {
		t.Errorf("%x (%v), want %x", e.Capabilities, e.CapabilitiesFact, want)
	}
	if e := s.Entry("/data"); e.CapabilitiesFact.State != snapshot.NotCollected {
		t.Errorf("no executable: %v", e.CapabilitiesFact)
	}
	plan.FileCapabilities = false
	if e := collectFolder(t, root, plan).Entry("/ping"); e.CapabilitiesFact.State != snapshot.NotCollected {
		t.Errorf("not asked for: %v", e.CapabilitiesFact)
	}
}

func TestAnImageHasNoProcesses(t *testing.T) {
	s := collectFolder(t, t.TempDir(), &snapshot.Plan{Processes: true, Mounts: true, Sockets: true})
	_, processes := s.Processes()
	_, mounts := s.Mounts()
	_, sockets := s.Sockets()
	for _, f := range []snapshot.Fact{processes, mounts, sockets} {
		if f.State != snapshot.NotCollected || !strings.Contains(f.Detail, "image") {
			t.Errorf("%v", f)
		}
	}
	if s.Kernel.Fact.State != snapshot.Present || s.Kernel.Release == "" || s.Origin.Method != "collector" || s.Origin.FinishedAt.Before(s.Origin.StartedAt) {
		t.Errorf("%+v %+v", s.Kernel, s.Origin)
	}
	if _, err := Collect(t.Context(), Source{Root: filepath.Join(t.TempDir(), "nope")}, &snapshot.Plan{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Collecting may not leave handles open, whatever it meets.
func TestHandlesAreClosed(t *testing.T) {
	root := nasty(t)
	before := openHandles(t)
	collectFolder(t, root, &snapshot.Plan{
		Files: []string{"/etc/link", "/etc/loop", "/etc/dangling", "/nope", "/bin/absolute", "/tmp/pipe", "/etc/passwd/x", "/etc/odd"},
		Stats: []string{"/", "/etc"}, Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*"}}}, Globs: []snapshot.Glob{{Pattern: "/*/*", Contents: true}},
		FileCapabilities: true,
	})
	if after := openHandles(t); after != before {
		t.Errorf("%d handles before, %d after", before, after)
	}
}

func openHandles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(names)
}
