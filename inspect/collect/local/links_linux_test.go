package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestLinksStayInside(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o644))
	root := filepath.Join(outside, "root")
	in := func(name string) string { return filepath.Join(root, name) }
	must(t, os.MkdirAll(in("a/b"), 0o755), os.WriteFile(in("secret"), []byte("inside"), 0o644), os.WriteFile(in("a/file"), []byte("file"), 0o644))
	for name, to := range map[string]string{
		"up": "../../../../../../secret", "absolute": "/secret", "viadir": "a/b/../../secret", "dir": "a/b", "a/out": "..",
		"chain1": "chain2", "chain2": "a/../chain3", "chain3": "/secret", "slash": "secret/", "through": "a/file/../../secret",
		"out": outside + "/secret", "self": "self", "a/b/abs": "/secret", "a/b/rootlink": "/", "dots": "././/a/./b/../../secret", "gone/": "",
	} {
		if to != "" {
			must(t, os.Symlink(to, in(name)))
		}
	}
	for i := range 50 {
		must(t, os.Symlink(fmt.Sprintf("long%d", i+1), in(fmt.Sprintf("long%d", i))))
	}
	must(t, os.Symlink("secret", in("long50")))
	names := []string{
		"/up", "/absolute", "/viadir", "/dir/../../secret", "/a/out/secret", "/chain1", "/slash", "/through", "/out", "/self", "/dir/rootlink/secret", "/dots",
		"/a/b/rootlink/../../secret", "/long0", "/long20", "/gone", "/dir/rootlink/a/out/a/b/rootlink/absolute",
	}
	s := collectFolder(t, root, &snapshot.Plan{Files: names})
	for name, want := range map[string]string{
		"/up": "inside", "/absolute": "inside", "/viadir": "inside", "/a/out/secret": "inside", "/chain1": "inside", "/dir/rootlink/secret": "inside",
		"/dots": "inside", "/long20": "inside", "/a/b/abs": "inside", "/dir/rootlink/a/out/a/b/rootlink/absolute": "inside",
	} {
		// Each by itself: what others have found must not help.
		if data, e := collectFolder(t, root, &snapshot.Plan{Files: []string{name}}).Content(name); string(data) != want {
			t.Errorf("%s: %q (%+v)", name, data, e)
		}
	}
	if e := s.Resolve("/out"); e.Meta.State != snapshot.Absent {
		t.Errorf("/out: %+v", e)
	}
	for e := range s.Entries() {
		if data, _ := s.Content(e.Path); bytes.Contains(data, []byte("outside")) {
			t.Errorf("%s shows what is outside", e.Path)
		}
	}
	for _, name := range []string{"/self", "/long0"} {
		if e := s.Resolve(name); e.Meta.Known() {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := s.Entry("/secret"); e.Meta.State != snapshot.Present {
		t.Errorf("a file was forgotten because it is no folder: %+v", e)
	}
}

// In a folder full of links, a path leads where it leads for a process whose
// root that folder is. The child asks the kernel.
func TestLinksLeadWhereTheKernelSays(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change a process's root folder")
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	root := t.TempDir()
	dirs := []string{"/", "/a", "/a/b", "/c", "/c/d"}
	parts := []string{"a", "b", "c", "d", "..", "..", ".", "f", "l0", "l1", "l2", "l3", ""}
	for _, d := range dirs[1:] {
		must(t, os.Mkdir(filepath.Join(root, d), 0o755))
	}
	for _, d := range dirs {
		if d != "/c" {
			must(t, os.WriteFile(filepath.Join(root, d, "f"), []byte(d), 0o644))
		}
	}
	randomPath := func() string {
		var b strings.Builder
		if r.IntN(3) == 0 {
			b.WriteByte('/')
		}
		for i := range 1 + r.IntN(4) {
			if i > 0 {
				b.WriteByte('/')
			}
			b.WriteString(parts[r.IntN(len(parts))])
		}
		return b.String()
	}
	for _, d := range dirs {
		for i := range 4 {
			if to := randomPath(); to != "" {
				must(t, os.Symlink(to, filepath.Join(root, d, fmt.Sprintf("l%d", i))))
			}
		}
	}
	var names []string
	for range 3000 {
		names = append(names, clean(randomPath()))
	}
	slices.Sort(names)
	names = slices.Compact(names)

	want := map[string]uint64{}
	out, err := reexec(t, childStat, order{Source: Source{Root: root}, Plan: &snapshot.Plan{Files: names}}).Output()
	must(t, err, json.Unmarshal(out, &want))
	there := 0
	for _, name := range names {
		// Each by itself: what others have found must not help.
		e := collectFolder(t, root, &snapshot.Plan{Files: []string{name}}).Resolve(name)
		inode, ok := want[name]
		switch {
		case ok && e.Inode != inode:
			t.Errorf("%s leads to inode %d, and for the kernel to %d: %+v (seed %d)", name, e.Inode, inode, e, seed)
		case !ok && e.Meta.State == snapshot.Present && !e.IsSymlink():
			t.Errorf("%s leads to %+v, and for the kernel to nothing (seed %d)", name, e, seed)
		case ok:
			there++
		}
	}
	if there < 5 {
		t.Errorf("only %d of %d paths lead anywhere: this proves nothing (seed %d)", there, len(names), seed)
	}
}
