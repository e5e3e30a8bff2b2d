package component_test

import (
	"slices"
	"testing"

	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/component"
)

// TestNeedsAreChecks: a need that no check is named after would lower nothing,
// and nobody would notice.
func TestNeedsAreChecks(t *testing.T) {
	known := builtin.IDs(builtin.All())
	for _, p := range component.All() {
		for _, id := range p.Checks {
			if !slices.Contains(known, id) {
				t.Errorf("%s needs %q, which is no check", p.Name, id)
			}
		}
	}
}
