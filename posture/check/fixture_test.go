package check_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

var update = flag.Bool("update", false, "write what the checks say into the fixtures' .want files")

// TestFixtures judges every container of testdata/CHECK/STATUS/*.yaml and
// compares with the .want file beside it. In a folder of one status, some
// container has that status, and none is worse.
func TestFixtures(t *testing.T) {
	for _, c := range check.All() {
		for _, status := range finding.Statuses {
			dir := filepath.Join("testdata", c.ID, string(status))
			files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 && (status == finding.Fail || status == finding.Pass) {
				t.Errorf("%s has no fixture: every check needs one that fails and one that passes", dir)
			}
			for _, file := range files {
				name := c.ID + "/" + string(status) + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml")
				t.Run(name, func(t *testing.T) { testFixture(t, c, status, file) })
			}
		}
	}
}

func testFixture(t *testing.T, c *check.Check, status finding.Status, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if c.Compare != nil {
		v := c.Compare(readCopies(t, raw))
		checkVerdict(t, &v)
		checkWording(t, v.Message)
		if v.Status != status {
			t.Errorf("the status is %s", v.Status)
		}
		write(&got, "", &v)
	} else {
		judgeAll(t, c, status, raw, &got)
	}
	want := strings.TrimSuffix(file, ".yaml") + ".want"
	if *update {
		if err := os.WriteFile(want, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expected, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(expected), got.String()); diff != "" {
		t.Errorf("another verdict (- want, + got):\n%s", diff)
	}
}

func judgeAll(t *testing.T, c *check.Check, status finding.Status, raw []byte, out *bytes.Buffer) {
	t.Helper()
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(raw, &pod); err != nil {
		t.Fatal(err)
	}
	object := asMap(t, &pod)
	var seen []finding.Status
	for ctr := range workload.Containers(&pod.Spec) {
		v := judge(t, c, &pod, ctr, object)
		checkWording(t, v.Message)
		seen = append(seen, v.Status)
		write(out, fmt.Sprintf("%s %s: ", ctr.Type, ctr.Name), &v)
	}
	// An image volume stands beside containers, where a check is not about both.
	seen = slices.DeleteFunc(seen, func(s finding.Status) bool { return s == finding.NotApplicable && s != status })
	if !slices.Contains(seen, status) || status != finding.NotApplicable && slices.ContainsFunc(seen, func(s finding.Status) bool { return s != status }) {
		t.Errorf("the statuses are %v", seen)
	}
}

// judge asks a check about one container and holds its answer against what is
// true of every answer.
func judge(t *testing.T, c *check.Check, pod *corev1.Pod, ctr *workload.Container, object map[string]any) check.Verdict {
	t.Helper()
	view := check.View{Spec: &pod.Spec, Status: &pod.Status, Container: ctr, SpecPath: "spec", Images: &image.Cache{}}
	v := c.Judge(view)
	checkVerdict(t, &v)
	checkBasis(t, &v, object)
	view.Brief = true
	brief := c.Judge(view)
	if brief.Status != v.Status || brief.Severity != v.Severity || brief.Evidence != v.Evidence || brief.May != v.May || brief.Value != v.Value {
		t.Errorf("%s says %+v, and in brief %+v", c.ID, v, brief)
	}
	return v
}

func readCopies(t *testing.T, raw []byte) check.Copies {
	t.Helper()
	var in struct {
		Image  string       `json:"image"`
		Copies []check.Copy `json:"copies"`
	}
	if err := yaml.UnmarshalStrict(raw, &in); err != nil {
		t.Fatal(err)
	}
	return check.Copies{Image: in.Image, Of: in.Copies, Images: &image.Cache{}}
}

// checkWording looks for the usual slips of put-together sentences.
func checkWording(t *testing.T, message string) {
	t.Helper()
	for _, slip := range []string{"..", "  .", ". .", "%!", "<nil>"} {
		if strings.Contains(message, slip) {
			t.Errorf("the message has %q: %s", slip, message)
		}
	}
}

func write(w *bytes.Buffer, what string, v *check.Verdict) {
	may := ""
	if v.May {
		may = " (may)"
	}
	fmt.Fprintf(w, "%s%s %s %s%s\n    %s\n", what, v.Status, v.Severity, v.Evidence, may, v.Message)
	for _, b := range v.Basis {
		fmt.Fprintf(w, "    %s %s: %s", b.Evidence, b.Field, b.Value)
		if b.Object != "" {
			fmt.Fprintf(w, " (%s, %d pods)", b.Object, b.Pods)
		}
		fmt.Fprintln(w)
	}
}
