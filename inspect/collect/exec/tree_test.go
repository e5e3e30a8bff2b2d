package exec

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// nasty are names and contents that something in between might spoil.
var nastyNames = []string{
	"plain", "with space", "two\nlines", "tab\there", "-rf", "--", "-n", "*", "?", "[a]", "back\\slash", "\\0101", "%s%n", "$(id)", "`id`", "$HOME", "'", "\"", "'quoted'",
	"a -> b", "\xff\xfe", "\x01\x7f\x81\x88", "ünï", ".hidden", "..x", "...", "trailing ", " leading", "new\nline\n", "x\n81a4 0 0 0 0 0 0 0 etc", "+", "\r", "~", "#", ";", "&", "{}", "!",
	strings.Repeat("n", 255),
}

var nastyContents = [][]byte{
	nil, []byte("x"), []byte("no newline"), []byte("\x00"), []byte("\x00\x00E\x00"), []byte("\x1b[31mred\x1b[0m\r\n"), []byte("assay1\x00i\x00"), []byte("B1\x00/etc/passwd\x0081a4 0 0 0 0 0 0 0 /etc/passwd\n\x000.\x00"),
	bytes.Repeat([]byte{0}, 5000), bytes.Repeat([]byte("0123456789abcdef"), 10_000), {0xff, 0xfe, 0xfd}, bytes.Repeat([]byte("\r\n"), 3000),
}

// nastyTree makes a folder with everything in it.
func nastyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for i, name := range nastyNames {
		write(t, filepath.Join(root, name), nastyContents[i%len(nastyContents)], 0o644)
		folder := filepath.Join(root, "folders", name)
		mkdir(t, folder)
		write(t, filepath.Join(folder, "inner"), []byte(name), 0o600)
		link(t, name, filepath.Join(root, "folders", fmt.Sprintf("link-%d", i)))
	}
	write(t, filepath.Join(root, "setuid"), []byte("s"), 0o755)
	chmod(t, filepath.Join(root, "setuid"), 0o4755|fs.ModeSetuid)
	mkdir(t, filepath.Join(root, "sticky"))
	chmod(t, filepath.Join(root, "sticky"), fs.ModeSticky|0o777)
	mkdir(t, filepath.Join(root, "empty"))
	link(t, "link\ntarget", filepath.Join(root, "lin\nk"))
	link(t, "'", filepath.Join(root, "quote"))
	link(t, "'x'", filepath.Join(root, "quotes"))
	link(t, "x'", filepath.Join(root, "endquote"))
	link(t, "a\n81a4 0 0 0 0 0 0 0 /etc/passwd", filepath.Join(root, "forged"))
	link(t, "/nowhere", filepath.Join(root, "dangling"))
	link(t, "../../../../../../../../../../../etc/hostname", filepath.Join(root, "up"))
	link(t, "loop", filepath.Join(root, "loop"))
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(root, "plain"), filepath.Join(root, "hard")); err != nil {
		t.Fatal(err)
	}
	return root
}

func write(t *testing.T, name string, data []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, data, mode); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, name string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, run runner, plan *snapshot.Plan) (*snapshot.Snapshot, collect.Usage) {
	t.Helper()
	b := snapshot.NewBuilder(plan.Limits)
	usage, err := (&Collector{run: run}).Collect(t.Context(), plan, b)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RoundTrips > mostRounds {
		t.Errorf("%d round trips, want %d at most", usage.RoundTrips, mostRounds)
	}
	return b.Snapshot(), usage
}

// compare walks a folder itself, and finds what the snapshot says otherwise.
func compare(t *testing.T, s *snapshot.Snapshot, root string, contents func(path string) bool) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		count++
		e := s.Entry(p)
		if e.Path != p || e.Meta.State != snapshot.Present {
			t.Errorf("%q: the snapshot has %q, %+v", p, e.Path, e.Meta)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sys := info.Sys().(*syscall.Stat_t)
		if e.Mode != sys.Mode || e.UID != sys.Uid || e.GID != sys.Gid || e.Size != sys.Size || e.Inode != sys.Ino || e.Device != sys.Dev ||
			e.ModTime.Unix() != sys.Mtim.Sec || e.ChangeTime.Unix() != sys.Ctim.Sec {
			t.Errorf("%q: %+v, want %+v", p, e, sys)
		}
		switch {
		case e.IsSymlink():
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			if e.Link != to || e.LinkFact.State != snapshot.Present {
				t.Errorf("%q leads to %q (%v), want %q", p, e.Link, e.LinkFact, to)
			}
		case e.IsDir():
			names, err := os.ReadDir(p)
			if err != nil {
				return err
			}
			if e.Listing.State != snapshot.Present {
				t.Errorf("the names in %q are %+v", p, e.Listing)
			}
			got, _ := fs.ReadDir(s, strings.TrimPrefix(p, "/"))
			if len(got) != len(names) && fs.ValidPath(strings.TrimPrefix(p, "/")) && !strings.Contains(p, "\xff") && p != root && !strings.HasSuffix(p, "folders") {
				t.Errorf("%q has %d names, want %d", p, len(got), len(names))
			}
		case e.IsRegular() && contents(p):
			want, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			got, at := s.Content(p)
			if !bytes.Equal(got, want) || at.Content.State != snapshot.Present {
				t.Errorf("%q holds %.60q (%d bytes, %+v), want %.60q (%d bytes)", p, got, len(got), at.Content, want, len(want))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for e := range s.Below(root) {
		if _, err := os.Lstat(e.Path); err != nil && e.Meta.State == snapshot.Present {
			t.Errorf("%q is in the snapshot, and not there", e.Path)
		}
	}
	if count < 2 {
		t.Errorf("the walk found %d entries", count)
	}
}

func TestTreeEqualsAWalk(t *testing.T) {
	root := nastyTree(t)
	eachShell(t, func(t *testing.T, run *local) {
		s, usage := take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root, Contents: []string{"*"}}}})
		compare(t, s, root, func(string) bool { return true })
		if usage.RoundTrips != 2 {
			t.Errorf("%d round trips, want 2", usage.RoundTrips)
		}
	})
}

func TestFilesByName(t *testing.T) {
	root := nastyTree(t)
	plan := &snapshot.Plan{}
	for _, name := range nastyNames {
		plan.Files = append(plan.Files, filepath.Join(root, name))
		plan.Stats = append(plan.Stats, filepath.Join(root, "folders", name))
	}
	plan.Files = append(plan.Files, root+"/gone", root+"/pipe", root+"/empty", root+"/dangling", root+"/loop", root+"/up", root+"/plain/under", root+"/folders/link-0")
	eachShell(t, func(t *testing.T, run *local) {
		s, _ := take(t, run, plan)
		for i, name := range nastyNames {
			p := filepath.Join(root, name)
			got, e := s.Content(p)
			if want := nastyContents[i%len(nastyContents)]; !bytes.Equal(got, want) || e.Content.State != snapshot.Present {
				t.Errorf("%q holds %.60q, %+v, want %.60q", p, got, e.Content, want)
			}
			folder := s.Entry(filepath.Join(root, "folders", name))
			if inner := s.Entry(folder.Path + "/inner"); folder.Listing.State != snapshot.Present || inner.Meta.State != snapshot.Present || s.Entry(folder.Path+"/none").Meta.State != snapshot.Absent {
				t.Errorf("%q: names %+v, inner %+v", folder.Path, folder.Listing, inner)
			}
		}
		for p, want := range map[string]snapshot.State{root + "/gone": snapshot.Absent, root + "/plain/under": snapshot.Absent, root + "/dangling": snapshot.Absent, root + "/pipe": snapshot.Present, root + "/empty": snapshot.Present, root + "/loop": snapshot.Failed} {
			if e := s.Resolve(p); e.Meta.State != want {
				t.Errorf("%s is %+v, want %s", p, e.Meta, want)
			}
		}
		want, err := os.ReadFile("/etc/hostname")
		if err != nil {
			t.Fatal(err)
		}
		if got, e := s.Content(root + "/up"); !bytes.Equal(got, want) {
			t.Errorf("through the link that leads up: %q %+v, want %q", got, e, want)
		}
	})
}

func TestRandomTrees(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		root := t.TempDir()
		fill(t, random, root, 3)
		eachShell(t, func(t *testing.T, run *local) {
			s, _ := take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root, Contents: []string{"*"}}}})
			compare(t, s, root, func(string) bool { return true })
		})
	}
}

func fill(t *testing.T, random *rand.Rand, folder string, deep int) {
	for range random.IntN(12) + 1 {
		name := make([]byte, random.IntN(12)+1)
		for i := range name {
			for name[i] == 0 || name[i] == '/' {
				name[i] = byte(random.IntN(256))
			}
		}
		p := folder + "/" + string(name)
		if _, err := os.Lstat(p); err == nil {
			continue
		}
		switch {
		case deep > 0 && random.IntN(3) == 0:
			mkdir(t, p)
			fill(t, random, p, deep-1)
		case random.IntN(4) == 0:
			link(t, string(name[:len(name)/2+1]), p)
		default:
			data := make([]byte, random.IntN(2000))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			write(t, p, data, fs.FileMode(0o400|random.IntN(0o400)))
		}
	}
}

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			if _, err := osexec.LookPath(argv[0]); err != nil || name == "busybox ash" {
				t.Skip("not installed, or brings its own tar")
			}
			root, bin := t.TempDir(), t.TempDir()
			write(t, root+"/shrinks", bytes.Repeat([]byte("x"), 100_000), 0o644)
			write(t, root+"/stays", []byte("stays"), 0o644)
			// GNU's tar fills up a file that shrinks with zeros, which never were in it.
			write(t, bin+"/tar", []byte("#!/bin/sh\n/usr/bin/tar \"$@\"\nr=$?\nprintf short >"+root+"/shrinks\nexit $r\n"), 0o755)
			run := &local{sh: argv, env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}
			s, usage := take(t, run, &snapshot.Plan{Files: []string{root + "/shrinks", root + "/stays"}})
			if data, e := s.Content(root + "/shrinks"); string(data) != "short" || e.Size != 5 {
				t.Errorf("%d bytes %.20q, %+v", len(data), data, e)
			}
			if data, _ := s.Content(root + "/stays"); string(data) != "stays" || usage.RoundTrips != 3 {
				t.Errorf("%q, %d round trips", data, usage.RoundTrips)
			}
		})
	}
}

func TestMountInATree(t *testing.T) {
	asNobody(t)
	root := t.TempDir()
	mkdir(t, root+"/mounted")
	mkdir(t, root+"/with space")
	for _, at := range []string{root + "/mounted", root + "/with space"} {
		if err := syscall.Mount("none", at, "tmpfs", 0, ""); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		write(t, at+"/inside", []byte("x"), 0o644)
	}
	eachShell(t, func(t *testing.T, run *local) {
		s, _ := take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root, Contents: []string{"*"}}}})
		for _, at := range []string{root + "/mounted", root + "/with space"} {
			e := s.Entry(at)
			if e.Meta.State != snapshot.Present || !e.IsDir() || e.Listing != (snapshot.Fact{State: snapshot.NotCollected, Detail: otherFileSystem}) {
				t.Errorf("%s: %+v, names %+v", at, e.Meta, e.Listing)
			}
			if e := s.Entry(at + "/inside"); e.Meta.State != snapshot.NotCollected {
				t.Errorf("%s: %+v", e.Path, e.Meta)
			}
		}
		s, _ = take(t, run, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root}, {Path: root + "/mounted"}}})
		if e := s.Entry(root + "/mounted/inside"); e.Meta.State != snapshot.Present {
			t.Errorf("a tree of its own: %+v", e.Meta)
		}
	})
}

// Some find do not even name what is on another file system.
func TestMountThatFindHides(t *testing.T) {
	asNobody(t)
	root, bin := t.TempDir(), t.TempDir()
	mkdir(t, root+"/mounted")
	if err := syscall.Mount("none", root+"/mounted", "tmpfs", 0, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root+"/mounted", syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	write(t, bin+"/find", []byte("#!/bin/sh\np=$1\nshift\nexec /usr/bin/find \"$p\" ! -path '*/mounted' \"$@\"\n"), 0o755)
	s, _ := take(t, &local{sh: []string{"bash", "--posix"}, env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}, &snapshot.Plan{Trees: []snapshot.Tree{{Path: root}}})
	if e := s.Entry(root + "/mounted"); e.Meta.State != snapshot.Present || e.Listing.Detail != otherFileSystem {
		t.Errorf("%+v, names %+v", e.Meta, e.Listing)
	}
}

func TestStatIsNotBelievedBeyondItsNames(t *testing.T) {
	line := "81a4 1 2 3 4 5 6 7 "
	for name, text := range map[string]string{
		"a line too many":        line + "/a\n" + line + "/b\n" + line + "/c\n",
		"the first twice":        line + "/a\n" + line + "/a\n" + line + "/b\n",
		"another name":           line + "/c\n",
		"in another order":       line + "/b\n" + line + "/a\n",
		"a name with an end":     line + "/a\x00\n",
		"a number too long":      "81a4 99999999999 2 3 4 5 6 7 /a\n" + line + "/b\n",
		"no newline at the end":  line + "/a\n" + line + "/b",
		"only numbers":           "81a4 1 2 3",
		"a link without a place": "a1ff 1 2 3 4 5 6 7 /a\n" + line + "/b\n",
	} {
		batch := []described{{Entry: snapshot.Entry{Path: "/a"}}, {Entry: snapshot.Entry{Path: "/b"}}}
		describe(batch, []byte(text), 0)
		for _, d := range batch {
			if d.Meta.State == snapshot.Present || d.UID != 0 {
				t.Errorf("%s: %q is %+v", name, d.Path, d.Entry)
			}
		}
	}
}
