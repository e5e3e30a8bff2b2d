package cli_test

import (
	"slices"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// allChecks is how many checks there are at least once all are built.
const allChecks = 90

// TestMappedChecks: the table of frameworks names no check that there is not,
// and every check has its references from that table.
func TestMappedChecks(t *testing.T) {
	checks := builtin.All()
	ids := builtin.IDs(checks)
	var missing []string
	for _, id := range framework.Mapped() {
		if !slices.Contains(ids, id) {
			missing = append(missing, id)
		}
	}
	if len(checks) < allChecks {
		t.Skipf("not compared: only %d of at least %d checks are here yet; of those in the table these are missing: %v", len(checks), allChecks, missing)
	}
	for _, id := range missing {
		t.Errorf("framework/data/mapping.tsv names %s, and there is no such check: its items could never pass", id)
	}
	for _, c := range checks {
		own := slices.DeleteFunc(slices.Clone(c.References), func(r finding.Reference) bool { return r.Framework == "" })
		if want := framework.References(c.ID); !slices.Equal(own, want) {
			t.Errorf("%s refers to %v, and the table says %v: use framework.References", c.ID, own, want)
		}
	}
}
