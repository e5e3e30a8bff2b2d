package facts

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestOS(t *testing.T) {
	s := tree(t, map[string]string{"/usr/lib/os-release": "ID=wrong\n", "/etc/os-release": strings.Join([]string{
		"# comment", "; comment", `NAME="Some \"Linux\" \$1"`, "ID=some", "ID_LIKE='debian fedora'", "VERSION_ID='12'", `VERSION="12 (x)" # not part`,
		"VERSION_CODENAME=x", "PRETTY_NAME=Some", "ID=later", "not an assignment", "1X=no", `WITH\BACK=no`, `ESCAPED=a\ b`, "EMPTY=",
	}, "\n")})
	got, source := OS(s)
	want := OSRelease{ID: "later", IDLike: []string{"debian", "fedora"}, Name: `Some "Linux" $1`, PrettyName: "Some", Version: "12 (x)", VersionID: "12",
		VersionCodename: "x", Path: "/etc/os-release"}
	fields := got.Fields
	got.Fields = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if fields["ESCAPED"] != "a b" || len(fields) != 9 {
		t.Errorf("fields: %q", fields)
	}
	if !source.Whole() || len(source.Notes) != 3 {
		t.Errorf("source: %+v", source)
	}
}

func TestOSFallsBack(t *testing.T) {
	got, source := OS(tree(t, map[string]string{"/usr/lib/os-release": "ID=alpine"}))
	if got.ID != "alpine" || got.Path != "/usr/lib/os-release" || !source.Whole() {
		t.Errorf("%+v %+v", got, source)
	}
	if got, source = OS(tree(t, nil)); got.ID != "" || source.Fact.State != snapshot.Absent {
		t.Errorf("%+v %+v", got, source)
	}
	// The second is no answer while the first may be there.
	if got, source = OS(single("/usr/lib/os-release", []byte("ID=alpine"))); got.ID != "" || source.Whole() {
		t.Errorf("%+v %+v", got, source)
	}
}

// TestOSAgainstShell: the format is defined as what a shell would read.
func TestOSAgainstShell(t *testing.T) {
	for _, value := range []string{"plain", `"two words"`, `'single $x "y"'`, `"esc \" \$ \\ \` + "`" + `"`, `"kept \n"`, `a\ b`, `'it'\''s'`, `"a"'b'c`, ""} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "V="+value+"\nprintf '%s' \"$V\"").Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := unquote(value); got != string(out) {
			t.Errorf("%s: got %q, the shell says %q", value, got, out)
		}
	}
}
