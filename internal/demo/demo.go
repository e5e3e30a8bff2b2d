// Package demo is a small example cluster inside the program: what `kubectl get
// -o yaml` would print of it. It lets people try Assay where there is no cluster.
//
// The example is read as any other manifest is; nothing about its findings is
// prepared. It is given as a cluster would give it: by namespace, without places
// in a file that nobody has, and so that what is not in it is not there.
//
//	src := demo.Source(manifest.Options{})
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"iter"
	"maps"
	"slices"

	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

//go:embed cluster.yaml
var cluster []byte

// Name is what the example is called where a server's address would stand.
const Name = "demo (an example inside the program)"

// Version is that of the example's API server.
const Version = "v1.36.3"

// Source reads the example; the options choose a part of it.
func Source(o manifest.Options) source.Source {
	o.Stdin = bytes.NewReader(cluster)
	return example{manifest.New([]string{"-"}, o)}
}

type example struct{ *manifest.Source }

var _ source.Described = example{}

// Describe implements [source.Described].
func (e example) Describe() source.Description {
	d := e.Source.Describe()
	d.Live = true
	return d
}

// Items implements [source.Source].
func (e example) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		everywhere := []source.Item{{Version: Version}}
		objects, others := map[string][]source.Item{}, map[string][]source.Item{}
		for item, err := range e.Source.Items(ctx) {
			switch {
			case err != nil:
				yield(item, err)
				return
			case item.Object != nil:
				item.Object.Locate = nil
				objects[item.Object.Meta.Namespace] = append(objects[item.Object.Meta.Namespace], item)
			case item.Other != nil && !index.Kept(item.Other.GroupKind()):
				item.Other.Locate = nil
				others[item.Other.GetNamespace()] = append(others[item.Other.GetNamespace()], item)
			default:
				if item.Other != nil {
					item.Other.Locate = nil
				}
				everywhere = append(everywhere, item)
			}
		}
		for item := range inOrder(everywhere, objects, others) {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// inOrder gives what is in no namespace first, and then one namespace after the
// other.
func inOrder(everywhere []source.Item, objects, others map[string][]source.Item) iter.Seq[source.Item] {
	return func(yield func(source.Item) bool) {
		all := slices.Values(everywhere)
		give := func(items iter.Seq[source.Item]) bool {
			for i := range items {
				if !yield(i) {
					return false
				}
			}
			return true
		}
		if !give(all) {
			return
		}
		for _, n := range slices.Sorted(maps.Keys(objects)) {
			if !give(slices.Values(slices.Concat(others[n], objects[n], []source.Item{{NamespaceDone: n}}))) {
				return
			}
		}
	}
}
