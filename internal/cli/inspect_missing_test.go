package cli

import (
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

func TestTargetsThatAreNotThere(t *testing.T) {
	gone := finding.Coverage{Scope: "target/shop/deployment/cart", State: finding.NotFound, Detail: "no pod belongs to it"}
	for _, tt := range []struct {
		name       string
		containers int
		coverage   []finding.Coverage
		want       string // empty: the report tells
	}{
		{"none was found", 0, nil, "no running container was found"},
		{"one does not exist", 0, []finding.Coverage{gone}, "shop/deployment/cart: no pod belongs to it"},
		{"one of two does not exist", 1, []finding.Coverage{gone}, ""},
		{"one could not be read", 0, []finding.Coverage{gone, {Scope: "target/shop/web", State: finding.Forbidden}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := nothingThere(&finding.Report{Summary: finding.Summary{Containers: tt.containers}, Coverage: tt.coverage})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
