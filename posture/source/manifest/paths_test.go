package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// files makes files below a new folder and makes that the current one. The
// content "->x" makes a link to x.
func files(t *testing.T, content map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range content {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, isLink := strings.CutPrefix(text, "->"); isLink {
			err = os.Symlink(to, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func named(name string) string { return strings.ReplaceAll(pod, "name: p", "name: "+name) }

func TestPaths(t *testing.T) {
	is := func(names ...string) (want []string) {
		for _, name := range names {
			want = append(want, "v1 Pod "+name+" spec [x]")
		}
		return want
	}
	tree := map[string]string{
		"k8s/a.yaml": named("a"), "k8s/sub/b.yml": named("b"), "k8s/sub/deep/c.json": `{"apiVersion":"v1","kind":"Node"}`,
		"k8s/.hidden/d.YAML": named("d"), "k8s/notes.txt": "no manifest", "k8s/values.yaml": "replicas: 1\n",
		"k8s/tsconfig.json": "{ // comment\n}", "k8s/link.yaml": "->../other/o.yaml", "k8s/inside.yaml": "->a.yaml",
		"k8s/loop": "->..", "other/o.yaml": named("o"), "other/no-extension": named("n1"), "empty/readme.md": "", "broken/x.yaml": "kind: a: b",
		"gone/x.yaml": "->nowhere.yaml", "with[brackets].yaml": named("w"),
	}
	const none = ": an object has an apiVersion and a kind; folders are searched for .yaml, .yml and .json files"
	tests := []struct {
		name  string
		paths []string
		want  []string
	}{
		{"a file", []string{"k8s/a.yaml"}, is("a")},
		{"any extension when named", []string{"other/no-extension"}, is("n1")},
		{"the same twice", []string{"k8s/a.yaml", "./k8s/a.yaml"}, is("a")},
		{"a folder, and a file in it", []string{"k8s/sub", "./k8s/sub/b.yml"}, append([]string{"unjudged"}, is("b")...)},
		{"a file, and its folder", []string{"k8s/sub/b.yml", "k8s/sub"}, append(is("b"), "unjudged")},
		{"folders in each other", []string{"k8s/sub/deep", "k8s/sub"}, append([]string{"unjudged"}, is("b")...)},
		{"a folder below", []string{"k8s/sub"}, append(is("b"), "unjudged")},
		// The link to the folder above leads where nobody pointed to, and is not followed.
		{"links", []string{"k8s"}, is("d", "a", "o", "b")},
		{"several", []string{"other/o.yaml", "k8s/sub/b.yml"}, is("o", "b")},
		{"a pattern", []string{"k8s/sub/*.yml"}, is("b")},
		{"a pattern with folders", []string{"k8s/s*"}, append(is("b"), "unjudged")},
		{"a deep pattern", []string{"k8s/**/*.yml"}, is("b")},
		{"a deep pattern at the top", []string{"**/o.yaml"}, is("o")},
		{"a name that looks like a pattern", []string{"with[brackets].yaml"}, is("w")},
		{"a pattern without matches", []string{"k8s/*.xml", "k8s/a.yaml"},
			append([]string{"problem k8s/*.xml: nothing matches this pattern, and there is no file of this name: check it"}, is("a")...)},
		{"a broken pattern", []string{"k8s/[", "k8s/a.yaml"}, append([]string{"problem k8s/[: this pattern can't be read: a [ has no ], or a \\ nothing after it"}, is("a")...)},
		{"no such file", []string{"nowhere.yaml", "k8s/a.yaml"}, append([]string{"problem nowhere.yaml: there is no such file or folder: check the path"}, is("a")...)},
		{"only what is not there", []string{"nowhere.yaml"}, []string{"problem nowhere.yaml: there is no such file or folder: check the path", "error no Kubernetes object found in nowhere.yaml" + none}},
		{"a folder without manifests", []string{"empty"}, []string{
			"problem empty: there are no .yaml, .yml or .json files in this folder: name another, or the files themselves",
			"error no Kubernetes object found in empty" + none}},
		{"only a broken file", []string{"broken"}, []string{"problem broken/x.yaml:1: not valid YAML: mapping values are not allowed in this context"}},
		{"a file without objects", []string{"k8s/values.yaml"}, []string{"unjudged", "problem k8s/values.yaml: there is no Kubernetes object in it: an object has an apiVersion and a kind"}},
		{"a link to nowhere", []string{"gone", "k8s/a.yaml"}, append([]string{"problem gone/x.yaml: there is no such file or folder: check the path"}, is("a")...)},
		{"no paths", nil, []string{"error no files were named: name a file, a folder, or - for standard input"}},
		{"an empty path", []string{"", "k8s/a.yaml"}, append([]string{`problem "": an empty path: name a file, a folder, or - for standard input`}, is("a")...)},
		{"no standard input", []string{"-", "k8s/a.yaml"}, append([]string{"problem stdin: there is no standard input to read"}, is("a")...)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files(t, tree)
			got := read(t, New(test.paths, Options{}))
			if test.name == "links" {
				got = summary(got)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// summary leaves out what a whole tree has too much of.
func summary(lines []string) (short []string) {
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "problem "):
			short = append(short, "problem in "+strings.Split(l, "/")[2])
		case strings.HasPrefix(l, "v1 Pod"):
			short = append(short, l)
		}
	}
	return short
}

func TestFolderOfValuesOnly(t *testing.T) {
	files(t, map[string]string{"d/values.yaml": "a: 1\n", "d/package.json": "{}"})
	got := read(t, New([]string{"d"}, Options{}))
	if len(got) != 3 || got[0] != "unjudged" || !strings.HasPrefix(got[2], "error no Kubernetes object found in d: ") {
		t.Error(strings.Join(got, "\n"))
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	files(t, map[string]string{"d/a.yaml": named("a"), "d/b.yaml": named("b"), "d/sub/c.yaml": named("c")})
	for path, mode := range map[string]os.FileMode{"d/a.yaml": 0, "d/sub": 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod("d/sub", 0o755) })
	want := []string{
		"problem d/a.yaml: it can't be read: permission denied; check who may read it", "v1 Pod b spec [x]",
		"problem d/sub: it can't be read: permission denied; check who may read it",
	}
	if diff := cmp.Diff(want, read(t, New([]string{"d"}, Options{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestOrder: workers finish in any order; what they read comes in that of the files.
func TestOrder(t *testing.T) {
	content := map[string]string{}
	var want []string
	for i := range 200 {
		name := string(rune('a'+i/26)) + string(rune('a'+i%26))
		text := strings.Repeat("# filler\n", i%7*300) + named("x-"+name) + "---\n" + named("y-"+name)
		content["d/"+name+".yaml"] = text
		want = append(want, "v1 Pod x-"+name+" spec [x]", "v1 Pod y-"+name+" spec [x]")
	}
	files(t, content)
	if diff := cmp.Diff(want, read(t, New([]string{"d"}, Options{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNamespaceThatNoWorkloadIsIn(t *testing.T) {
	files(t, map[string]string{"pods.yaml": strings.ReplaceAll(pod, "name: p", "name: p, namespace: one")})
	var gaps []string
	for i, err := range New([]string{"pods.yaml"}, Options{Namespaces: []string{"one", "two"}, Kinds: []string{"Deployment"}}).Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if i.Coverage != nil {
			gaps = append(gaps, i.Coverage.Scope+" "+string(i.Coverage.State))
		}
	}
	if diff := cmp.Diff([]string{"namespace/two not-found"}, gaps); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableFolderBelowAPatternIsTold(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything, so there is no folder that can't be read")
	}
	files(t, map[string]string{"deploy/open/a.yaml": named("a"), "deploy/shut/b.yaml": named("b")})
	if err := os.Chmod("deploy/shut", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod("deploy/shut", 0o700) })
	var problems []string
	for i, err := range New([]string{"deploy/**/*.yaml"}, Options{}).Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if i.Problem != nil {
			problems = append(problems, i.Problem.File)
		}
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "shut") {
		t.Errorf("problems with %q, want one with deploy/shut", problems)
	}
}
