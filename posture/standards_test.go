package posture_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// failures are the checks that fail, by file.
type failures map[string]failed

// failed are the checks that fail.
type failed map[string]bool

func (f failed) among(checks []string) []string {
	return slices.DeleteFunc(slices.Clone(checks), func(c string) bool { return !f[c] })
}

func (f failures) Finding(in *finding.Finding) error {
	file := filepath.Base(in.Location.File)
	if f[file] == nil {
		f[file] = failed{}
	}
	f[file][in.Check] = true
	return nil
}

func (f failures) Flush() error { return nil }

// TestPublishedFixturesOfTheStandards: the pods that the Pod Security Standards'
// library publishes, of all versions and levels, are judged by the checks that
// answer for a control as published: by at least one where the control denies
// the pod, and by none where it allows it.
func TestPublishedFixturesOfTheStandards(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatalf("asking go about the library: %v", err)
	}
	folders, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "test", "testdata", "*", "v1.*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	answers := answering(t)
	judged := map[bool]int{}
	for _, folder := range folders {
		pass := filepath.Base(folder) == "pass"
		version, level := filepath.Base(filepath.Dir(folder)), filepath.Base(filepath.Dir(filepath.Dir(folder)))
		v, err := api.ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		got := failuresIn(t, folder, v)
		files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			judged[pass]++
			control := strings.TrimRight(strings.TrimSuffix(name, ".yaml"), "0123456789")
			of := answers[level][control]
			if strings.HasPrefix(control, "base") { // these are about every control
				of = answers[level][""]
			}
			deny, keep := got[name].among(of.whole), got[name].among(slices.Concat(of.whole, of.stricter))
			switch {
			case len(of.whole)+len(of.stricter) == 0:
				t.Errorf("%s/%s: no check answers for it", level, control)
			case pass && len(deny) > 0:
				t.Errorf("%s/%s/pass/%s is allowed, but %s fail", level, version, name, strings.Join(deny, ", "))
			case !pass && len(keep) == 0 && !byAnnotation(control, v):
				t.Errorf("%s/%s/fail/%s is denied, but none of %v fails", level, version, name, of)
			case !pass && len(keep) > 0 && byAnnotation(control, v):
				t.Errorf("%s/%s/fail/%s is denied for an annotation that is no longer read, but %s fail", level, version, name, strings.Join(keep, ", "))
			}
		}
	}
	if judged[true] < 1000 || judged[false] < 1000 {
		t.Errorf("%d pods that are allowed and %d that are denied: the library should publish thousands", judged[true], judged[false])
	}
	t.Logf("%d allowed and %d denied pods agree", judged[true], judged[false])
}

// byAnnotation: before 1.19 the standards went by annotations for seccomp, which
// no server that is supported reads, nor do the checks.
func byAnnotation(control string, version api.Version) bool {
	return control == "seccompprofile_baseline" && version.Older(api.MajorMinorVersion(1, 19))
}

func failuresIn(t *testing.T, folder string, version api.Version) failures {
	t.Helper()
	standards, err := check.NewStandards(version)
	if err != nil {
		t.Fatal(err)
	}
	checks := slices.DeleteFunc(builtin.All(), func(c *check.Check) bool {
		return !slices.ContainsFunc(c.References, func(r finding.Reference) bool { return r.Framework == "pss" })
	})
	got := failures{}
	src := manifest.New([]string{folder}, manifest.Options{Others: posture.Others(checks)})
	report, err := posture.Scan(t.Context(), src, posture.Options{Checks: checks, Standards: standards}, got)
	if err != nil || !report.Summary.Complete {
		t.Fatalf("%s: %v, %+v", folder, err, report.Errors)
	}
	return got
}

// answer has the checks that answer for a control.
type answer struct {
	whole    []string // a failure breaks it
	stricter []string // they ask for more than it does
}

// answering lists, by level and control in lower case, the checks that answer;
// for an empty name those of all controls. What baseline denies, restricted
// denies too.
func answering(t *testing.T) map[string]map[string]answer {
	t.Helper()
	standards, err := framework.Get("pss")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]answer{"baseline": {}, "restricted": {}}
	for _, c := range pss.Checks() {
		for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
			if api.CompareLevels(c.Level, level) > 0 {
				continue
			}
			for _, name := range []string{strings.ToLower(c.ID), ""} {
				a := all[string(level)][name]
				for _, m := range standards.Serving(string(c.Level) + "/" + c.ID) {
					switch m.Covers {
					case framework.Whole:
						a.whole = append(a.whole, m.Check)
					case framework.Stricter:
						a.stricter = append(a.stricter, m.Check)
					}
				}
				all[string(level)][name] = a
			}
		}
	}
	return all
}
