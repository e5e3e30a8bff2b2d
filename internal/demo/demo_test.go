package demo_test

import (
	"slices"
	"testing"

	"github.com/kubeassay/assay/internal/demo"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// TestItemsComeAsFromACluster: what is in no namespace comes first, then one
// namespace after the other, and nothing tells of a file.
func TestItemsComeAsFromACluster(t *testing.T) {
	src := demo.Source(manifest.Options{Others: posture.Others(builtin.All())})
	if d, ok := src.(source.Described); !ok || !d.Describe().Live {
		t.Error("it is not described as a cluster")
	}
	version, open := "", ""
	var done []string
	for item, err := range src.Items(t.Context()) {
		namespace := ""
		switch {
		case err != nil:
			t.Fatal(err)
		case item.Version != "":
			version = item.Version
		case item.Problem != nil, item.Coverage != nil:
			t.Errorf("something is wrong with the example: %+v", item)
		case item.Object != nil:
			namespace = item.Object.Meta.Namespace
			if item.Object.Locate != nil {
				t.Errorf("%s has a place in a file", item.Object.Meta.Name)
			}
		case item.Other != nil:
			if item.Other.Locate != nil {
				t.Errorf("%s has a place in a file", item.Other.GetName())
			}
			if index.Kept(item.Other.GroupKind()) && open+namespace != "" {
				t.Errorf("%s %s comes after %s", item.Other.Kind, item.Other.GetName(), open)
			} else if !index.Kept(item.Other.GroupKind()) {
				namespace = item.Other.GetNamespace()
			}
		case item.NamespaceDone != "":
			if open != item.NamespaceDone {
				t.Errorf("%s is done, and %q is open", item.NamespaceDone, open)
			}
			done, open = append(done, item.NamespaceDone), ""
		}
		if namespace == "" {
			continue
		}
		if open != "" && open != namespace || slices.Contains(done, namespace) {
			t.Errorf("something of %s comes in the middle of %q, or after its end", namespace, open)
		}
		open = namespace
	}
	if version != demo.Version || open != "" || len(done) != 4 {
		t.Errorf("version %q, open %q, done %v", version, open, done)
	}
}

// TestStop: whoever has enough is given no more.
func TestStop(t *testing.T) {
	for most := range 70 {
		n := 0
		for range demo.Source(manifest.Options{}).Items(t.Context()) {
			if n++; n > most {
				break
			}
		}
	}
}

// TestOneNamespace: the others are not given, and not called missing.
func TestOneNamespace(t *testing.T) {
	var done []string
	for item, err := range demo.Source(manifest.Options{Namespaces: []string{"shop"}}).Items(t.Context()) {
		if err != nil || item.Coverage != nil {
			t.Errorf("%+v, %v", item.Coverage, err)
		}
		if item.NamespaceDone != "" {
			done = append(done, item.NamespaceDone)
		}
	}
	if !slices.Equal(done, []string{"shop"}) {
		t.Errorf("done: %v", done)
	}
}
