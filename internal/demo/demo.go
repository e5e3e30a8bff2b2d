// Package demo is a small example cluster inside the program: what `kubectl get
// -o yaml` would print of it. It lets people try Assay where there is no cluster.
//
// The example is read as any other manifest is; nothing about its findings is
// prepared. It is given as a cluster would give it, without places in a file
// that nobody has.
//
//	src := demo.Source(manifest.Options{})
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"iter"

	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

//go:embed cluster.yaml
var cluster []byte

// Name is what the example is called where a server's address would stand.
const Name = "demo (an example inside the program)"

// Source reads the example; the options choose a part of it.
func Source(o manifest.Options) source.Source {
	o.Stdin = bytes.NewReader(cluster)
	return example{manifest.New([]string{"-"}, o)}
}

type example struct{ *manifest.Source }

// Items implements [source.Source].
func (e example) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for item, err := range e.Source.Items(ctx) {
			if item.Object != nil {
				item.Object.Locate = nil
			}
			if !yield(item, err) {
				return
			}
		}
	}
}
