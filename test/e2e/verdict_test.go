package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
)

// verdict is a finding in one line, for tables of what is expected:
//
//	Pod/busybox main run-as-root fail high reported 1/1 uid=0
func verdict(f *finding.Finding) string {
	container := f.Container
	if f.ContainerType != finding.Container {
		container += "(" + string(f.ContainerType) + ")"
	}
	s := fmt.Sprintf("%s %s %s %s %s %s %d/%d", f.Workload, container, f.Check, f.Status, f.Severity, f.Evidence, f.Pods, f.PodsTotal)
	for _, b := range f.Basis {
		if strings.HasSuffix(b.Field, ".user.linux.uid") {
			s += " uid=" + b.Value
		}
	}
	return s
}

// verdicts are those about one namespace, in order of their text.
func verdicts(r *finding.Report, namespace string) []string {
	var all []string
	for i := range r.Findings {
		if r.Findings[i].Workload.Namespace == namespace {
			all = append(all, verdict(&r.Findings[i]))
		}
	}
	slices.Sort(all)
	return all
}

func wantVerdicts(t *testing.T, r *finding.Report, namespace string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if d := cmp.Diff(want, verdicts(r, namespace)); d != "" {
		t.Errorf("verdicts about namespace %s (-want +got):\n%s", namespace, d)
	}
}

// gaps are the lines of coverage, as "scope state".
func gaps(r *finding.Report) []string {
	var all []string
	for _, c := range r.Coverage {
		all = append(all, c.Scope+" "+string(c.State))
	}
	return all
}

func wantGaps(t *testing.T, r *finding.Report, want ...string) {
	t.Helper()
	got := gaps(r)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("coverage: want %q, got %+v", want, r.Coverage)
	}
}

func wantGap(t *testing.T, r *finding.Report, want string) {
	t.Helper()
	if !slices.Contains(gaps(r), want) {
		t.Errorf("coverage: want %q among %+v", want, r.Coverage)
	}
}

func wantComplete(t *testing.T, r *finding.Report, want bool) {
	t.Helper()
	if r.Summary.Complete != want {
		t.Errorf("complete is %v, want %v; coverage: %+v", r.Summary.Complete, want, r.Coverage)
	}
}

// findOne returns the only finding of a check about a container.
func findOne(t *testing.T, r *finding.Report, check, workload, container string) *finding.Finding {
	t.Helper()
	var found []*finding.Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Check == check && f.Workload.String() == workload && f.Container == container {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s about %s %s, want one, in %+v", len(found), check, workload, container, r.Findings)
	}
	return found[0]
}
