package cluster

import (
	"slices"
	"testing"

	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// TestEveryKindCanBeRead: a kind that some check asks about and that nobody
// reads would leave the check not-reviewed for ever.
func TestEveryKindCanBeRead(t *testing.T) {
	kinds := posture.Kinds(builtin.All())
	src, err := New(newServer(t).client(t), Options{Others: kinds})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if !src.Describe().Gives(k) {
			t.Errorf("%s can't be read from a cluster: add it to others()", k)
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only %d kinds: that tests too little", len(kinds))
	}
}

// TestEveryKindIsAskedFor: what no check asks about need not be read.
func TestEveryKindIsAskedFor(t *testing.T) {
	kinds := posture.Kinds(builtin.All())
	for _, o := range others() {
		if !slices.Contains(kinds, o.kind()) {
			t.Errorf("no check asks about %s: take it out of others()", o.resource)
		}
	}
}
