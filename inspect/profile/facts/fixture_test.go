package facts

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/inspect/snapshot/redact"
)

var present = snapshot.Fact{State: snapshot.Present}

// tree is a snapshot with these regular files, in folders whose names are all
// known; so that what is not among them is absent for certain.
func tree(t testing.TB, files map[string]string) *snapshot.Snapshot {
	t.Helper()
	b := snapshot.NewBuilder(snapshot.Limits{})
	fill(b, files)
	return b.Snapshot()
}

func fill(b *snapshot.Builder, files map[string]string) {
	folder := func(p string) {
		b.Add(snapshot.Entry{Path: p, Meta: present, Mode: snapshot.ModeDir | 0o755, Listing: present})
	}
	folder("/")
	b.SetMounts([]snapshot.Mount{{Target: "/"}}, present)
	for name, content := range files {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			folder(dir)
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			b.Add(snapshot.Entry{Path: name, Meta: present, Mode: snapshot.ModeSymlink | 0o777, Link: target, LinkFact: present})
			continue
		}
		b.Add(snapshot.Entry{Path: name, Meta: present, Mode: snapshot.ModeRegular | 0o644, Size: int64(len(content))})
		b.SetContent(name, []byte(content), present)
	}
}

// blind is a snapshot in which one file is in a state.
func blind(name string, f snapshot.Fact, content string) *snapshot.Snapshot {
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: name, Meta: present, Mode: snapshot.ModeRegular | 0o600, Size: 10})
	b.SetContent(name, []byte(content), f)
	return b.Snapshot()
}

// saved is the snapshot after it was saved without secrets, and loaded again.
func saved(t testing.TB, s *snapshot.Snapshot) *snapshot.Snapshot {
	t.Helper()
	var file bytes.Buffer
	if err := snapshot.Save(&file, s, snapshot.SaveOptions{Redactor: redact.New()}); err != nil {
		t.Fatal(err)
	}
	loaded, err := snapshot.Load(&file, snapshot.LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}
