package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree is a small file system, made of a fuzzer's bytes: both on disk and as
// a snapshot that knows all of it.
type tree struct {
	dir  string
	root int // an open folder
	b    *Builder
}

func newTree(t *testing.T) *tree {
	t.Helper()
	// The root lies deep enough that a way out would be seen: beside it there is a file.
	outer := t.TempDir()
	if err := os.WriteFile(filepath.Join(outer, "outside"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := &tree{dir: filepath.Join(outer, "root"), b: NewBuilder(Limits{})}
	if err := os.Mkdir(tr.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := unix.Open(tr.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(root) })
	tr.root = root
	return tr
}

// grow makes the tree that a text describes, a line each: "d name",
// "f name", or "l name target". What the kernel refuses is left out.
func (tr *tree) grow(t *testing.T, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		name, target, _ := strings.Cut(rest, " ")
		name = clean(name)
		if i > 60 || len(name) > 200 || strings.ContainsRune(line, 0) || strings.Contains(name, "outside") {
			continue
		}
		at := filepath.Join(tr.dir, name)
		// Only in real folders, so that nothing is made outside.
		if real, err := filepath.EvalSymlinks(filepath.Dir(at)); err != nil || real != filepath.Dir(at) {
			continue
		}
		switch kind {
		case "d":
			_ = os.Mkdir(at, 0o700)
		case "f":
			if f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
				_ = f.Close()
			}
		case "l":
			_ = os.Symlink(target, at)
		}
	}
	err := filepath.WalkDir(tr.dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		e := Entry{Path: clean(strings.TrimPrefix(at, tr.dir)), Meta: present()}
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return err
		}
		e.Mode, e.Inode = st.Mode, st.Ino
		switch {
		case d.IsDir():
			e.Listing = present()
		case e.IsSymlink():
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			e.Link, e.LinkFact = target, present()
		}
		tr.b.Add(e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kernel asks the real one: the inode, or the error.
func (tr *tree) kernel(path string, follow bool) (uint64, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if !follow {
		how.Flags |= unix.O_NOFOLLOW
	}
	var fd int
	var err error
	for range 100 { // EAGAIN: somebody renamed something somewhere
		if fd, err = unix.Openat2(tr.root, path, &how); !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return st.Ino, err
}

func (tr *tree) compare(t *testing.T, s *Snapshot, path string) {
	t.Helper()
	for _, follow := range []bool{true, false} {
		want, err := tr.kernel(path, follow)
		if errors.Is(err, unix.ENAMETOOLONG) {
			continue // a limit of the call, not of the file system
		}
		got := s.Entry(path)
		if follow {
			got = s.Resolve(path)
		}
		var wantState State
		switch {
		case err == nil:
			wantState = Present
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
			wantState = Absent
		case errors.Is(err, unix.ELOOP):
			wantState = Failed
		default:
			t.Fatalf("the kernel says of %q: %v", path, err)
		}
		if got.Meta.State != wantState || got.Inode != want {
			t.Errorf("%q (follow %v): %+v at %q, inode %d; the kernel says inode %d, %v", path, follow, got.Meta, got.Path, got.Inode, want, err)
		}
		if errors.Is(err, unix.ENOTDIR) && !strings.Contains(got.Meta.Detail, "ENOTDIR") {
			t.Errorf("%q (follow %v): %+v; the kernel says %v", path, follow, got.Meta, err)
		}
	}
}

const hostile = `d a
d a/b
f a/b/c
f outside.txt
l up ..
l out ../../../../outside
l abs /a/b
l self self
l ping pong
l pong ping
l dot .
l file a/b/c
l filedir a/b/c/
l dirdir a/b/
l gone /nowhere
l deep up/up/a/../a/./b//c
l a/back ../a/back2
l a/back2 /a/b
l top /
l proc /proc/self/root
l sp a/b/c/../c`

var hostilePaths = []string{
	"/", ".", "a", "/a/b/c", "/a/b/c/", "/a/b/c/.", "/a/b/c/..", "/up", "/up/", "/up/up/up/a", "/out", "/../outside", "/a/../../outside",
	"/abs/c", "/abs/../b/c", "/self", "/self/", "/ping/x", "/dot/dot/dot/a", "/file", "/file/", "/filedir", "/dirdir", "/dirdir/", "/dirdir/c",
	"/gone", "/gone/", "/gone/..", "/deep", "/a/back", "/a/back/", "/a/back/c", "/a/back/../b", "/top", "/top/top/a", "/proc", "/sp",
	"//a//b", "a/./b", "a/b/", "/nope", "/nope/..", "/a/nope/../b", "/file/..",
}

// The snapshot finds what the kernel finds in the same tree, with openat2's RESOLVE_IN_ROOT.
func TestResolveAsTheKernelDoes(t *testing.T) {
	tr := newTree(t)
	tr.grow(t, hostile)
	s := tr.b.Snapshot()
	for _, path := range hostilePaths {
		tr.compare(t, s, path)
	}
	// Chains of links around the limit.
	chain := newTree(t)
	chain.grow(t, "f 0")
	for i := 1; i <= 45; i++ {
		if err := os.Symlink(fmt.Sprint(i-1), filepath.Join(chain.dir, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	chain.grow(t, "")
	s = chain.b.Snapshot()
	for i := 35; i <= 45; i++ {
		chain.compare(t, s, fmt.Sprint(i))
		chain.compare(t, s, fmt.Sprintf("%d/..", i))
	}
}

func FuzzResolve(f *testing.F) {
	for i, path := range hostilePaths {
		f.Add(hostile, path, uint64(i)*0x9e3779b97f4a7c15)
	}
	f.Add("l a a/a/a/a", "a", uint64(1))
	f.Add("l a //\nl b a/../a/b", "b/b/b", uint64(2))
	f.Fuzz(func(t *testing.T, text, path string, lost uint64) {
		if strings.ContainsRune(path, 0) || path == "" || len(path) > 4000 {
			return
		}
		tr := newTree(t)
		tr.grow(t, text)
		s := tr.b.Snapshot()
		tr.compare(t, s, path)
		part := lose(s, lost)
		want, got := s.Resolve(path), part.Resolve(path)
		switch {
		case clean(got.Path) != got.Path && got.Meta.State == Present:
			t.Errorf("%q leads to %q", path, got.Path)
		case got.Meta.State == Present && got.Path != want.Path,
			got.Meta.Known() && got.Meta.State != want.Meta.State:
			t.Errorf("%q is %+v at %q for who knows all, and %+v at %q for who knows a part", path, want.Meta, want.Path, got.Meta, got.Path)
		case got.Meta.State == NotCollected && part.Missing(path) == "":
			t.Errorf("%q is %+v, and nothing is missing", path, got.Meta)
		}
	})
}

// lose is what is left of a snapshot when some entries were not collected, nor
// the names in the folders that they are in.
func lose(s *Snapshot, lost uint64) *Snapshot {
	gone, torn := map[string]bool{}, map[string]bool{}
	i := 0
	for e := range s.Entries() {
		if lost>>(i%64)&1 == 1 {
			gone[e.Path], torn[parent(e.Path)] = true, true
		}
		i++
	}
	b := NewBuilder(Limits{})
	for e := range s.Entries() {
		if torn[e.Path] {
			e.Listing = Fact{}
		}
		if !gone[e.Path] {
			b.Add(e)
		}
	}
	return b.Snapshot()
}

// Whoever knows a part says nothing that is wrong.
func TestResolveKnowingAPart(t *testing.T) {
	tr := newTree(t)
	tr.grow(t, hostile)
	s := tr.b.Snapshot()
	known := 0
	for lost := range uint64(500) {
		part := lose(s, lost*0x9e3779b97f4a7c15)
		for _, path := range hostilePaths {
			want, got := s.Resolve(path), part.Resolve(path)
			if got.Meta.Known() {
				known++
				if got.Meta.State != want.Meta.State || got.Meta.State == Present && got.Path != want.Path {
					t.Fatalf("%q is %+v at %q for who knows all, and %+v at %q for who knows a part", path, want.Meta, want.Path, got.Meta, got.Path)
				}
			}
		}
	}
	if known < 1000 {
		t.Errorf("only %d answers were certain", known)
	}
}

// os.Root refuses what leads out instead of keeping it in; where it answers, it must be the same.
func TestResolveAsOSRootDoes(t *testing.T) {
	tr := newTree(t)
	tr.grow(t, hostile)
	s := tr.b.Snapshot()
	root, err := os.OpenRoot(tr.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	compared := 0
	for _, path := range hostilePaths {
		name := strings.Trim(path, "/")
		if !fs.ValidPath(name) {
			continue
		}
		want, err := root.Stat(name)
		if err != nil {
			continue
		}
		compared++
		got, err := s.Stat(name)
		if err != nil || got.Mode() != want.Mode() {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want.Mode())
		}
	}
	if compared < 10 {
		t.Errorf("only %d paths could be compared", compared)
	}
}
