package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
)

func TestTally(t *testing.T) {
	cart := finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
	look := func(pod, container, profile string, findings ...string) *finding.Inspection {
		return &finding.Inspection{Target: finding.InspectionTarget{Namespace: "shop", Pod: pod, Container: container}, Workload: cart,
			Profile: finding.Profile{Name: profile}, Findings: judged(t, findings...)}
	}
	var tally gate.Tally
	if d := cmp.Diff(finding.Summary{Findings: map[finding.Severity]int{}, Complete: true}, tally.Summary()); d != "" {
		t.Errorf("of nothing: %s", d)
	}
	tally.Add(look("cart-1", "app", "core", "fail high C-1", "pass low C-2", "not-reviewed low C-3", "fail critical C-4 waived"))
	tally.Add(look("cart-1", "app", "gpos", "fail low C-1")) // the same container once more
	tally.Add(look("cart-1", "metrics", "core", "fail high C-1"))
	want := finding.Summary{Namespaces: 1, Workloads: 1, Pods: 1, Containers: 2, Waived: 1, Complete: true,
		Findings: map[finding.Severity]int{finding.High: 2, finding.Low: 1}, Checks: map[string]int{"p/C-1": 3},
		Statuses: map[finding.Status]int{finding.Fail: 3, finding.Pass: 1, finding.NotReviewed: 1}}
	if d := cmp.Diff(want, tally.Summary()); d != "" {
		t.Error(d)
	}
	failed := look("cart-2", "app", "core", "error high C-1")
	failed.Error = "the pod is gone"
	tally.Add(failed)
	if s := tally.Summary(); s.Complete || s.Pods != 2 || s.Containers != 3 {
		t.Errorf("%+v", s)
	}
	var empty gate.Tally
	empty.Add(look("cart-1", "app", "core"))
	if empty.Summary().Complete {
		t.Error("a container without verdicts passes for one that was judged")
	}
}
