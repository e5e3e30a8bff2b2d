package report

import (
	"testing"

	"github.com/kubeassay/assay/finding"
)

// A look that failed before it began has used nothing; that does not make it
// one of saved evidence.
func TestHowALookThatNeverBeganIsCalled(t *testing.T) {
	if got := how(&finding.Inspection{Error: "the pod is gone"}); got != "not looked into" {
		t.Errorf("a failed look is said to be %q", got)
	}
	if got := how(&finding.Inspection{}); got != "from a saved snapshot" {
		t.Errorf("saved evidence is said to be %q", got)
	}
}
