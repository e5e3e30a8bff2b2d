// Package checktest tests checks by fixtures: objects as people write them, and
// beside each file the verdicts that it must get. It is for tests alone.
//
//	func TestFixtures(t *testing.T) { checktest.Run(t, container.All(), "testdata") }
package checktest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

var update = flag.Bool("update", false, "write what the checks say into the fixtures' .want files")

// Run judges DIR/CHECK/STATUS/*.yaml and compares with the .want file beside
// each. In a folder of one status, something has that status, and nothing is
// another one's failure. Every check needs a fixture that fails and one that passes.
//
// For a check of containers or pods a file is a Pod. For one that compares
// copies it holds image and copies. For all others it holds any number of
// objects, pods and Deployments among them; a comment "# server: v1.36.2" or
// "# target: 1.36" in the first lines says for which version, and "# unread:
// KIND.GROUP" what could not be read.
func Run(t *testing.T, checks []*check.Check, dir string) {
	t.Helper()
	for _, c := range checks {
		for _, status := range finding.Statuses {
			at := filepath.Join(dir, c.ID, string(status))
			files, err := filepath.Glob(filepath.Join(at, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 && (status == finding.Fail || status == finding.Pass) {
				t.Errorf("%s has no fixture: every check needs one that fails and one that passes", at)
			}
			for _, file := range files {
				name := c.ID + "/" + string(status) + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml")
				t.Run(name, func(t *testing.T) { fixture(t, c, status, file) })
			}
		}
	}
}

func fixture(t *testing.T, c *check.Check, status finding.Status, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	var seen []finding.Status
	switch {
	case c.Compare != nil:
		v := c.Compare(readCopies(t, raw))
		Verdict(t, &v)
		seen = append(seen, v.Status)
		write(&got, "", &v)
	case c.Judge != nil || c.JudgePod != nil:
		seen = judgeAll(t, c, raw, &got)
	default:
		seen = judgeObjects(t, c, raw, &got)
	}
	// An image volume stands beside containers, and one object beside another,
	// where a check is not about both.
	others := slices.DeleteFunc(slices.Clone(seen), func(s finding.Status) bool {
		return s == status || s == finding.NotApplicable || s == finding.Pass && c.Judge == nil
	})
	if status == finding.NotApplicable {
		others = nil
	}
	if !slices.Contains(seen, status) || len(others) > 0 {
		t.Errorf("the statuses are %v", seen)
	}
	want := strings.TrimSuffix(file, ".yaml") + ".want"
	if *update {
		if err := os.WriteFile(want, got.Bytes(), 0o600); err != nil {
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

func judgeAll(t *testing.T, c *check.Check, raw []byte, out *bytes.Buffer) []finding.Status {
	t.Helper()
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(raw, &pod); err != nil {
		t.Fatal(err)
	}
	var seen []finding.Status
	note := func(what string, v check.Verdict) {
		seen = append(seen, v.Status)
		write(out, what, &v)
	}
	if c.JudgePod != nil {
		note("", Judge(t, c, &pod, nil))
		return seen
	}
	for ctr := range workload.Containers(&pod.Spec) {
		if c.Only != nil && !c.Only.Wants(view(&pod, ctr)) {
			seen = append(seen, finding.NotApplicable)
			fmt.Fprintf(out, "%s %s: not looked at\n", ctr.Type, ctr.Name)
			continue
		}
		note(fmt.Sprintf("%s %s: ", ctr.Type, ctr.Name), Judge(t, c, &pod, ctr))
	}
	return seen
}

// Judge asks a check about one container, or, where that is nil, about the
// pod, and holds its answer against what is true of every answer.
func Judge(t *testing.T, c *check.Check, pod *corev1.Pod, ctr *workload.Container) check.Verdict {
	t.Helper()
	judge := c.Judge
	if ctr == nil {
		judge = c.JudgePod
	}
	in := view(pod, ctr)
	v := judge(*in)
	Verdict(t, &v)
	Basis(t, &v, asMap(t, pod))
	in.Brief = true
	brief := judge(*in)
	if brief.Status != v.Status || brief.Severity != v.Severity || brief.Evidence != v.Evidence || brief.May != v.May || brief.Value != v.Value {
		t.Errorf("%s says %+v, and in brief %+v", c.ID, v, brief)
	}
	return v
}

var standards = sync.OnceValue(func() *check.Standards {
	s, err := check.NewStandards(pss.Newest())
	if err != nil {
		panic(err)
	}
	return s
})

// view is the pod as a check sees it. How many of it are wanted, from where
// images may come, and that it stands for a template is said by annotations.
func view(pod *corev1.Pod, ctr *workload.Container) *check.View {
	v := &check.View{
		Meta: &pod.ObjectMeta, Spec: &pod.Spec, Status: &pod.Status, Container: ctr, SpecPath: "spec", Replicas: 1,
		Images: &image.Cache{}, Standards: standards(), Settings: &check.Settings{},
	}
	for _, o := range pod.OwnerReferences {
		v.Owner = o.Kind
	}
	if list := pod.Annotations["test/registries"]; list != "" {
		v.Settings.Registries = strings.Split(list, ",")
	}
	if pod.Annotations["test/template"] != "" {
		v.Status = nil
	}
	if n := pod.Annotations["test/replicas"]; n != "" {
		if _, err := fmt.Sscan(n, &v.Replicas); err != nil {
			panic(err)
		}
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
