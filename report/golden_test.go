package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update accepts it):\n%s", path, d)
	}
}

// TestGolden shows every sample in every format that a person reads; look at
// the files in a terminal after a change.
func TestGolden(t *testing.T) {
	forms := map[string]struct {
		format string
		o      Options
	}{
		"table-80":       {Table, Options{Width: 80}},
		"table-80-color": {Table, Options{Width: 80, Color: true}},
		"table-120":      {Table, Options{Width: 120}},
		"table-plain":    {Table, Options{}},
		"wide-80":        {Wide, Options{Width: 80}},
		"wide-120":       {Wide, Options{Width: 120, Color: true}},
		"json":           {JSON, Options{}},
		"ndjson":         {NDJSON, Options{}},
		"yaml":           {YAML, Options{}},
	}
	for name, s := range samples() {
		for form, f := range forms {
			if name == "incomplete" && (f.format == JSON || f.format == NDJSON || f.format == YAML) {
				continue // two thousand lines of coverage: other tests look at them
			}
			t.Run(name+"/"+form, func(t *testing.T) {
				golden(t, filepath.Join("testdata", name, form+".txt"), s.write(t, f.format, f.o))
			})
		}
	}
}
