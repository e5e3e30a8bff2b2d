package builtin_test

import (
	"testing"

	"github.com/kubeassay/assay/inspect/profile"
)

func TestLoads(t *testing.T) {
	all, err := profile.Builtins()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Logf("%s: %d controls", p.Name, len(p.Controls))
	}
}
