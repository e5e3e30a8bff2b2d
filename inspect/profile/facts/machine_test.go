package facts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// machine is a snapshot of files of the machine that the tests run on.
func machine(t testing.TB, patterns ...string) *snapshot.Snapshot {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
	}
	return tree(t, files)
}

// A snapshot of one file, made without the cost of a whole tree.
func single(name string, data []byte) *snapshot.Snapshot {
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.Add(snapshot.Entry{Path: name, Meta: present, Mode: snapshot.ModeRegular | 0o644, Size: int64(len(data))})
	b.SetContent(name, data, present)
	return b.Snapshot()
}

// contents are those of the files in a folder, by name.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(data)
	}
	return out
}
