package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	scalibrfs "github.com/google/osv-scalibr/fs"
)

var _ scalibrfs.FS = (*Snapshot)(nil)

var epoch = time.Unix(1_700_000_000, 5).UTC()

func present() Fact { return Fact{State: Present} }

func dir(path string, listing State) Entry {
	return Entry{Path: path, Meta: present(), Mode: ModeDir | 0o755, ModTime: epoch, Listing: Fact{State: listing}}
}

func link(path, target string) Entry {
	return Entry{Path: path, Meta: present(), Mode: ModeSymlink | 0o777, Size: int64(len(target)), ModTime: epoch, Link: target, LinkFact: present()}
}

func addFile(b *Builder, path, content string) {
	b.Add(Entry{Path: path, Meta: present(), Mode: ModeRegular | 0o644, Size: int64(len(content)), ModTime: epoch})
	b.SetContent(path, []byte(content), present())
}

// small is a root with a bit of everything that is known for sure.
func small() *Builder {
	b := NewBuilder(Limits{})
	for _, p := range []string{"/", "/etc", "/etc/ssh", "/usr", "/usr/bin", "/run", "/empty"} {
		b.Add(dir(p, Present))
	}
	b.Add(link("/bin", "usr/bin"))
	b.Add(link("/var", "/"))
	b.Add(link("/loop", "loop"))
	b.Add(link("/up", "../../../../etc/passwd"))
	b.Add(link("/dangling", "/nowhere/at/all"))
	addFile(b, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	addFile(b, "/etc/ssh/sshd_config", "Port 22\n")
	addFile(b, "/etc/nothing", "")
	addFile(b, "/usr/bin/busybox", "\x7fELF")
	b.Add(link("/usr/bin/sh", "/bin/busybox"))
	return b
}

func TestUnknownIsNotAbsent(t *testing.T) {
	b := small()
	b.Add(dir("/vault", Denied))
	b.Add(Entry{Path: "/opt", Meta: present(), Mode: ModeDir | 0o755, Listing: Fact{Truncated, "10000 names and no more"}})
	b.Add(Entry{Path: "/opt/a"})
	b.Add(dir("/srv", NotCollected))
	b.Add(Entry{Path: "/proc", Meta: present(), Mode: ModeDir | 0o555, Listing: Fact{NotCollected, "another file system"}})
	b.Add(Entry{Path: "/secret", Meta: Fact{Denied, "permission denied (asked as uid 1000)"}})
	b.Add(Entry{Path: "/broken", Meta: Fact{Failed, "input/output error"}})
	b.Add(Entry{Path: "/gone", Meta: Fact{State: Absent}})
	b.Add(Entry{Path: "/vault/.ssh/id_rsa", Meta: Fact{Failed, "stale handle"}})
	b.Add(link("/far", "/srv/data/x"))
	b.Add(Entry{Path: "/blind", Meta: present(), Mode: ModeSymlink | 0o777})
	addFile(b, "/srv/deep/down/file", "x")
	s := b.Snapshot()
	for _, c := range []struct {
		path    string
		want    State
		detail  string
		missing string
	}{
		{"/etc/shadow", Absent, "no such name in /etc", ""},
		{"/nothing/below/it", Absent, "no such name in /", ""},
		{"/etc/passwd/x", Absent, "/etc/passwd is no folder (ENOTDIR)", ""},
		{"/etc/passwd/", Absent, "ENOTDIR", ""},
		{"/etc/passwd/.", Absent, "ENOTDIR", ""},
		{"/etc/passwd/../group", Absent, "ENOTDIR", ""},
		{"/nope/..", Absent, "no such name", ""},
		{"/gone", Absent, "", ""},
		{"/gone/x", Absent, "", ""},
		{"/dangling", Absent, "no such name in /", ""},
		{"/loop", Failed, "ELOOP", ""},
		{"/loop/x", Failed, "ELOOP", ""},
		{"/vault/x", Denied, "the names in /vault", ""},
		{"/vault/x/y/z", Denied, "the names in /vault", ""},
		{"/vault/.ssh/id_rsa", Failed, "stale handle", ""},
		{"/opt/a", NotCollected, "", "/opt/a"},
		{"/opt/b", Truncated, "10000 names and no more", ""},
		{"/secret/x", Denied, "/secret: permission denied (asked as uid 1000)", ""},
		{"/broken/x", Failed, "input/output error", ""},
		{"/srv/a/b", NotCollected, "/srv/a was not collected", "/srv/a/b"},
		{"/srv/deep", NotCollected, "", "/srv/deep"},
		{"/srv/deep/../x", NotCollected, "", "/srv/deep"},
		{"/srv/deep/down/file", Present, "", ""},
		{"/far", NotCollected, "/srv/data was not collected", "/srv/data/x"},
		{"/var/far", NotCollected, "/srv/data was not collected", "/srv/data/x"},
		{"/blind", NotCollected, "where the link points to", "/blind"},
		{"/blind/x", NotCollected, "where the link points to", "/blind"},
		{"/proc/1/status", NotCollected, "another file system", "/proc/1/status"},
		{"/up", Present, "", ""},
		{"/var/var/var/etc/passwd", Present, "", ""},
		{"etc/passwd", Present, "", ""},
		{"//etc///./passwd", Present, "", ""},
		{"/../../etc/passwd", Present, "", ""},
		{"/bin/../bin/sh", Present, "", ""},
		{"/", Present, "", ""},
		{"", Present, "", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			e := s.Resolve(c.path)
			if e.Meta.State != c.want || !strings.Contains(e.Meta.Detail, c.detail) {
				t.Errorf("%q is %+v, want %s with %q", c.path, e.Meta, c.want, c.detail)
			}
			if got := s.Missing(c.path); got != c.missing {
				t.Errorf("missing for %q: %q, want %q", c.path, got, c.missing)
			}
			if c.want != Present && c.want != NotCollected {
				for _, f := range []Fact{e.Content, e.Listing, e.LinkFact, e.CapabilitiesFact} {
					if f.State != c.want {
						t.Errorf("%q: a fact is %+v although the metadata are %+v", c.path, f, e.Meta)
					}
				}
			}
			if !fs.ValidPath(strings.TrimPrefix(c.path, "/")) || c.path == "/" {
				return
			}
			_, err := s.Stat(strings.TrimPrefix(c.path, "/"))
			if got := errors.Is(err, fs.ErrNotExist); got != (c.want == Absent) {
				t.Errorf("%q: error %v, state %s", c.path, err, c.want)
			}
			if got := errors.Is(err, fs.ErrPermission); got != (c.want == Denied) {
				t.Errorf("%q: error %v, state %s", c.path, err, c.want)
			}
			var se *StateError
			if errors.As(err, &se) != (c.want != Present) || se != nil && se.Fact.State != c.want {
				t.Errorf("%q: error %v, state %s", c.path, err, c.want)
			}
		})
	}
}

func TestEntryKeepsTheLastLink(t *testing.T) {
	s := small().Snapshot()
	for path, want := range map[string]string{
		"/bin": "/bin", "/bin/sh": "/usr/bin/sh", "/bin/": "/usr/bin", "/var/bin": "/bin", "/var/etc/passwd": "/etc/passwd", "/bin/.": "/usr/bin", "/loop": "/loop",
	} {
		if e := s.Entry(path); e.Path != want || e.Meta.State != Present {
			t.Errorf("Entry(%q) is %q (%+v), want %q", path, e.Path, e.Meta, want)
		}
	}
	if data, e := s.Content("/bin/sh"); string(data) != "\x7fELF" || e.Path != "/usr/bin/busybox" || len(e.SHA256) != 64 {
		t.Errorf("/bin/sh is %q, %+v", data, e)
	}
}

// A chain of 40 links is as long as Linux allows.
func TestLinkLimit(t *testing.T) {
	b := NewBuilder(Limits{})
	b.Add(dir("/", Present))
	addFile(b, "/0", "end")
	for i := 1; i <= 41; i++ {
		b.Add(link(fmt.Sprintf("/%d", i), fmt.Sprint(i-1)))
	}
	s := b.Snapshot()
	if e := s.Resolve("/40"); e.Path != "/0" {
		t.Errorf("40 links: %+v", e)
	}
	if e := s.Resolve("/41"); e.Meta.State != Failed {
		t.Errorf("41 links: %+v", e)
	}
	b.Add(link("/long", "/"+strings.Repeat("x/", maxLinkTarget)))
	if e := b.Snapshot().Resolve("/long"); e.Meta.State != Failed || !strings.Contains(e.Meta.Detail, "ENAMETOOLONG") {
		t.Errorf("a long target: %+v", e)
	}
}

// A collector that cannot stat, only read, has files below links that it never saw.
func TestContentUnderAnUnreadLink(t *testing.T) {
	b := NewBuilder(Limits{})
	b.SetContent("/var/run/token", []byte("x"), present())
	s := b.Snapshot()
	if data, e := s.Content("/var/run/token"); string(data) != "x" || e.Content.State != Present || e.Meta.State != NotCollected {
		t.Errorf("%q %+v", data, e)
	}
	b.Add(link("/var/run", "/run"))
	s = b.Snapshot()
	if data, _ := s.Content("/var/run/token"); string(data) != "x" {
		t.Error("what was opened by this very path is lost once the link is known")
	}
	b.Add(dir("/", Present))
	if _, e := b.Snapshot().Content("/var/run/token"); e.Meta.State != Absent {
		t.Errorf("a link into nothing: %+v", e)
	}
}

func TestFS(t *testing.T) {
	s := small().Snapshot()
	// TestFS opens whatever it finds, so there must be no loose links.
	b := NewBuilder(Limits{})
	for e := range s.Entries() {
		if e.Path != "/loop" && e.Path != "/dangling" {
			b.Add(e)
			if e.IsRegular() {
				data, _ := s.Content(e.Path)
				b.SetContent(e.Path, data, present())
			}
		}
	}
	b.Add(Entry{Path: "/etc/a\xffb", Meta: present(), Mode: ModeRegular})
	b.SetContent("/etc/a\xffb", []byte("odd"), present())
	b.Add(Entry{Path: "/etc/gone", Meta: Fact{State: Absent}})
	addFile(b, "/etc/with\nnewline", "fine")
	s = b.Snapshot()
	if err := fstest.TestFS(s, "etc/passwd", "etc/nothing", "usr/bin/sh", "empty", "bin", "up", "etc/with\nnewline"); err != nil {
		t.Error(err)
	}
	if data, e := s.Content("/etc/a\xffb"); string(data) != "odd" || e.Path != "/etc/a\xffb" {
		t.Errorf("a name that is no UTF-8: %q, %+v", data, e)
	}
	if i, err := s.Stat("etc/passwd"); err != nil || i.Sys().(*Entry).Path != "/etc/passwd" {
		t.Errorf("%v, %v", i, err)
	}
	if target, err := s.ReadLink("up"); target != "../../../../etc/passwd" || err != nil {
		t.Errorf("%q, %v", target, err)
	}
	if _, err := s.ReadLink("etc"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("reading a link that is none: %v", err)
	}
	if _, err := s.ReadDir("etc/passwd"); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("the names in a file: %v", err)
	}
	if _, err := s.ReadFile("etc"); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("the content of a folder: %v", err)
	}
	data, err := s.ReadFile("etc/passwd")
	data[0] = 'X'
	if again, _ := s.ReadFile("etc/passwd"); err != nil || again[0] != 'r' {
		t.Error("a reader changed the snapshot")
	}
}

// What is not wholly known never ends as if it were.
func TestFSOfWhatIsPartlyKnown(t *testing.T) {
	b := small()
	b.Add(Entry{Path: "/opt", Meta: present(), Mode: ModeDir | 0o755, Listing: Fact{Denied, "permission denied"}})
	addFile(b, "/opt/a", "a")
	b.Add(Entry{Path: "/opt/b", Meta: Fact{Denied, "permission denied"}})
	b.Add(Entry{Path: "/opt/log", Meta: present(), Mode: ModeRegular | 0o644, Size: 1 << 40})
	b.SetContent("/opt/log", []byte("the beginning"), Fact{Truncated, "13 bytes and no more"})
	b.Add(Entry{Path: "/opt/key", Meta: present(), Mode: ModeRegular | 0o600, Content: Fact{Denied, "permission denied"}})
	s := b.Snapshot()

	entries, err := s.ReadDir("opt")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"a", "b", "key", "log"}) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("ReadDir: %q, %v", names, err)
	}
	if _, err := entries[1].Info(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Info of what was denied: %v", err)
	}
	d, err := s.Open("opt")
	if err != nil {
		t.Fatal(err)
	}
	some, err := d.(fs.ReadDirFile).ReadDir(3)
	rest, err2 := d.(fs.ReadDirFile).ReadDir(3)
	_, err3 := d.(fs.ReadDirFile).ReadDir(3)
	if len(some) != 3 || len(rest) != 1 || err != nil || err2 != nil || !errors.Is(err3, fs.ErrPermission) {
		t.Errorf("ReadDir in steps: %d %v, %d %v, %v", len(some), err, len(rest), err2, err3)
	}

	var se *StateError
	data, err := s.ReadFile("opt/log")
	if string(data) != "the beginning" || !errors.As(err, &se) || se.Fact.State != Truncated {
		t.Errorf("ReadFile: %q, %v", data, err)
	}
	f, err := s.Open("opt/log")
	if err != nil {
		t.Fatal(err)
	}
	data, err = io.ReadAll(f)
	if string(data) != "the beginning" || !errors.As(err, &se) {
		t.Errorf("reading: %q, %v", data, err)
	}
	part := make([]byte, 20)
	if n, err := f.(io.ReaderAt).ReadAt(part, 4); string(part[:n]) != "beginning" || !errors.As(err, &se) {
		t.Errorf("ReadAt: %q, %v", part[:n], err)
	}
	if n, err := f.(io.ReaderAt).ReadAt(part[:3], 4); n != 3 || err != nil {
		t.Errorf("ReadAt of what is here: %d, %v", n, err)
	}
	if _, err := f.(io.Seeker).Seek(0, io.SeekEnd); !errors.As(err, &se) {
		t.Errorf("seeking the end of what is cut: %v", err)
	}
	for _, name := range []string{"opt/key", "opt/b"} {
		if _, err := s.Open(name); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("opening %s: %v", name, err)
		}
	}
	if _, err := s.Open("../etc"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("an invalid name: %v", err)
	}
	// A snapshot of nothing still has a root, of which nothing is known.
	none := NewBuilder(Limits{}).Snapshot()
	if i, err := none.Stat("."); err != nil || !i.IsDir() {
		t.Errorf("the root of nothing: %v, %v", i, err)
	}
	if _, err := none.ReadDir("."); !errors.As(err, &se) || se.Fact.State != NotCollected {
		t.Errorf("the names in the root of nothing: %v", err)
	}
}

func TestGlob(t *testing.T) {
	b := small()
	b.Add(dir("/home", Present))
	b.Add(dir("/home/ann", Present))
	b.Add(dir("/home/bob", Denied))
	b.Add(link("/home/cat", "/home/ann"))
	b.Add(link("/home/far", "/elsewhere"))
	addFile(b, "/home/ann/.profile", "")
	addFile(b, "/home/ann/x.pem", "")
	s := b.Snapshot()
	for _, c := range []struct {
		pattern string
		want    []string
		whole   State
	}{
		{"/etc/ssh/*_config", []string{"/etc/ssh/sshd_config"}, Present},
		{"/etc/*", []string{"/etc/nothing", "/etc/passwd", "/etc/ssh"}, Present},
		{"/bin/*", []string{"/usr/bin/busybox", "/usr/bin/sh"}, Present},
		{"/var/var/etc/p?sswd", []string{"/etc/passwd"}, Present},
		{"/etc/passwd", []string{"/etc/passwd"}, Present},
		{"/bin", []string{"/bin"}, Present},
		{"/etc/passwd/*", nil, Present},
		{"/nowhere/*", nil, Present},
		{"/home/*/*.pem", []string{"/home/ann/x.pem"}, Denied},
		{"/home/a*/*", []string{"/home/ann/.profile", "/home/ann/x.pem"}, Present},
		{"/home/*/.profile", []string{"/home/ann/.profile"}, Denied},
		{"/home/bob/x", nil, Denied},
		{"/home/[", nil, Failed},
		{"/", []string{"/"}, Present},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			entries, whole := s.Glob(c.pattern)
			var got []string
			for _, e := range entries {
				got = append(got, e.Path)
			}
			if !slices.Equal(got, c.want) || whole.State != c.whole {
				t.Errorf("got %q, %+v; want %q, %s", got, whole, c.want, c.whole)
			}
		})
	}
}

func TestTrees(t *testing.T) {
	b := small()
	b.Add(dir("/etc-old", Denied))
	b.Add(Entry{Path: "/etc-old/x", Meta: present(), Mode: ModeRegular})
	b.Add(Entry{Path: "/usr/bin/gone", Meta: Fact{State: Absent}})
	s := b.Snapshot()
	paths := func(seq func(func(Entry) bool)) (all []string) {
		for e := range seq {
			all = append(all, e.Path)
		}
		return all
	}
	if got := paths(s.Below("/var/etc")); !slices.Equal(got, []string{"/etc/nothing", "/etc/passwd", "/etc/ssh", "/etc/ssh/sshd_config"}) {
		t.Errorf("below /etc: %q", got)
	}
	all := paths(s.Entries())
	if !slices.IsSorted(all) || !slices.Equal(paths(s.Below("/")), all[1:]) {
		t.Errorf("entries: %q", all)
	}
	for path, want := range map[string]State{"/etc": Present, "/usr": Present, "/bin": Present, "/": Denied, "/etc-old": Denied, "/etc-old/y": Denied, "/nowhere": Absent, "/etc/passwd": Present} {
		if f := s.Whole(path); f.State != want {
			t.Errorf("%s is whole: %+v, want %s", path, f, want)
		}
	}
}
