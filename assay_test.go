package assay_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubeassay/assay"
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
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

// A list of registries is what the check that goes by it waits for.
func TestRegistriesAreGoneBy(t *testing.T) {
	statuses := func(settings *check.Settings) (all []finding.Status) {
		src := manifest.New([]string{"-"}, manifest.Options{Stdin: strings.NewReader(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: cart}\nspec: {containers: [{name: app, image: 'docker.io/library/busybox:1'}]}\n")})
		report, err := assay.Scan(t.Context(), src, posture.Options{Settings: settings, Statuses: finding.Statuses})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			if f.Check == "image-registry-not-allowed" {
				all = append(all, f.Status)
			}
		}
		return all
	}
	if got := statuses(nil); len(got) != 1 || got[0] != finding.NotReviewed {
		t.Errorf("without a list: %v", got)
	}
	if got := statuses(&check.Settings{Registries: []string{"registry.example"}}); len(got) != 1 || got[0] != finding.Fail {
		t.Errorf("with a list: %v", got)
	}
}
