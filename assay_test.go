package assay_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubeassay/assay"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// A report without findings has an empty list of them, as those that are streamed do.
func TestNoFindingsAreNotNull(t *testing.T) {
	src := manifest.New([]string{"-"}, manifest.Options{Stdin: strings.NewReader("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")})
	report, err := assay.Scan(t.Context(), src, posture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"findings":[]`) {
		t.Errorf("%s", b)
	}
}
