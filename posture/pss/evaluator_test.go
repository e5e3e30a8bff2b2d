package pss_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/posture/pss"
)

func newEvaluator(t testing.TB) *pss.Evaluator {
	t.Helper()
	e, err := pss.New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// module asks go about the library that is used.
func module(t testing.TB, what string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{."+what+"}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatalf("asking go about the library: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func TestNewestIsTheLibrarysVersion(t *testing.T) {
	version := module(t, "Version")
	want := strings.Replace(pss.Newest().String(), "v1.", "v0.", 1) + "."
	if !strings.HasPrefix(version, want) {
		t.Errorf("the library is %s, but newestMinor says %s", version, pss.Newest())
	}
}

// fixture is one pod that the library publishes with the verdict on it.
type fixture struct {
	level   api.Level
	version api.Version
	pass    bool
	name    string
	pod     *corev1.Pod
}

// fixtures reads all that the library publishes.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(module(t, "Dir"), "test", "testdata", "*", "v1.*", "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{name: strings.TrimSuffix(filepath.Base(file), ".yaml"), pod: &corev1.Pod{}}
		if err := yaml.UnmarshalStrict(b, f.pod); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		dir := filepath.Dir(file)
		f.pass = filepath.Base(dir) == "pass"
		if f.version, err = api.ParseVersion(filepath.Base(filepath.Dir(dir))); err != nil {
			t.Fatal(err)
		}
		if f.level, err = api.ParseLevel(filepath.Base(filepath.Dir(filepath.Dir(dir)))); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if len(all) < 4000 {
		t.Fatalf("the library should publish thousands of fixtures, found %d", len(all))
	}
	return all
}

func (f *fixture) String() string {
	verdict := "fail"
	if f.pass {
		verdict = "pass"
	}
	return string(f.level) + "/" + f.version.String() + "/" + verdict + "/" + f.name
}

// checkOf is the ID in a fixture's name, such as "hostports" in "hostports1".
func (f *fixture) checkOf() string { return strings.TrimRight(f.name, "0123456789") }

func TestEveryPublishedFixtureIsJudgedAsPublished(t *testing.T) {
	e := newEvaluator(t)
	levels := map[string]bool{}
	for _, f := range fixtures(t) {
		levels[string(f.level)+f.version.String()] = true
		vs := e.Evaluate(f.level, f.version, &f.pod.ObjectMeta, &f.pod.Spec)
		if f.pass {
			if len(vs) > 0 {
				t.Errorf("%s: published as allowed, but %+v", &f, vs)
			}
			continue
		}
		if len(vs) == 0 {
			t.Errorf("%s: published as denied, but allowed", &f)
			continue
		}
		// Where restricted has a stricter check, that one answers for the fixture's.
		replaced := map[string]string{
			"capabilities_baseline": "capabilities_restricted", "hostpathvolumes": "restrictedvolumes",
			"seccompprofile_baseline": "seccompprofile_restricted", "procmount": "procmount_restricted",
		}
		if !slices.ContainsFunc(vs, func(v pss.Violation) bool {
			got, want := strings.ToLower(v.Check), f.checkOf()
			return got == want || f.level == api.LevelRestricted && got == replaced[want]
		}) {
			t.Errorf("%s: denied, but not by the check that it is about: %+v", &f, vs)
		}
		for _, v := range vs {
			if len(v.Fields) == 0 {
				t.Errorf("%s: no fields: %+v", &f, v)
			}
		}
	}
	for minor := range minors(t) {
		for _, l := range []string{"baseline", "restricted"} {
			if !levels[l+"v1."+strconv.Itoa(minor)] {
				t.Errorf("no fixtures of %s v1.%d", l, minor)
			}
		}
	}
}

// minors is how many versions there are.
func minors(t testing.TB) int {
	t.Helper()
	newest := pss.Newest()
	return newest.Minor() + 1
}

// The evaluator calls the checks by itself, to know which is which; the
// library's own has to say the same about every pod, at every level and version.
func TestDenialsAreTheLibrarys(t *testing.T) {
	library, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(t)
	all := fixtures(t)
	denied := 0
	for i, f := range all {
		if i%29 != 0 { // every pod meets every version; all of them would take minutes
			continue
		}
		for minor := range minors(t) + 3 { // also versions to come
			v := api.MajorMinorVersion(1, minor)
			if minor == minors(t)+2 {
				v = api.LatestVersion()
			}
			for _, l := range []api.Level{api.LevelPrivileged, api.LevelBaseline, api.LevelRestricted} {
				var want []pss.Denial
				for _, r := range library.EvaluatePod(api.LevelVersion{Level: l, Version: v}, &f.pod.ObjectMeta, pss.Defaulted(&f.pod.Spec)) {
					if !r.Allowed {
						want = append(want, pss.Denial{Reason: r.ForbiddenReason, Detail: r.ForbiddenDetail})
					}
				}
				got := e.Denials(l, v, &f.pod.ObjectMeta, &f.pod.Spec)
				denied += len(got)
				for i := range got {
					got[i].Check, got[i].Level = "", ""
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s at %s:%s (-library +ours):\n%s", &f, l, v, diff)
				}
			}
		}
	}
	if denied == 0 {
		t.Error("nothing was denied: nothing was compared")
	}
}
