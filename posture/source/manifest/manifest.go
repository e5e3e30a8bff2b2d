// Package manifest is the source of objects that stand in files: manifests
// that people wrote, what a tool rendered, or a dump of a cluster.
//
// It reads paths as kubectl -f does, and more: files whatever their name,
// folders with all below them (.yaml, .yml, .json), globs, and "-" for
// standard input. Files hold any number of documents, YAML or JSON, and lists
// of every sort. They are read as a stream, several documents at a time, and
// are given in the order in which they stand; no file is too large.
//
// A document that is broken is a Problem, with its line, and all else is still
// given. An object that is no workload, and a YAML file that is none of
// Kubernetes', is counted as unjudged. A source that finds no object at all
// ends with an error.
//
// It renders no templates and no kustomizations, and it asks no server.
//
//	for item, err := range manifest.New([]string{"deploy/"}, manifest.Options{}).Items(ctx) {
//		...
//	}
package manifest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
)

// Options choose some of the objects. What is not chosen is read all the
// same, so that a broken document is always told.
type Options struct {
	// Stdin is what "-" reads.
	Stdin io.Reader
	// Namespaces to give; empty means all. ExcludeNamespaces takes some out. An
	// object that names no namespace counts as one of "default", where kubectl
	// would put it.
	Namespaces, ExcludeNamespaces []string
	// Selector chooses by the labels of the object itself; nil means all.
	Selector labels.Selector
	// Kinds to give, such as "Deployment"; empty means all.
	Kinds []string
	// Others, where set, says of a kind that holds no pod template what to read
	// its objects into: a pointer to a new value, or nil for a kind that is only
	// counted. It is called by several goroutines. Those objects are given
	// whatever else is chosen.
	Others func(apiVersion, kind string) metav1.Object
}

// Source reads manifests. It can be read again, save for standard input.
type Source struct {
	paths   []string
	options Options
	limits  split.Limits // smaller in tests
}

var _ source.Described = (*Source)(nil)

// New returns a source that reads the paths, in their order.
func New(paths []string, o Options) *Source {
	return &Source{paths: paths, options: o, limits: split.Defaults}
}

// Describe implements [source.Described].
func (s *Source) Describe() source.Description {
	o := &s.options
	return source.Description{
		Partial: len(o.Namespaces)+len(o.ExcludeNamespaces)+len(o.Kinds) > 0 || o.Selector != nil && !o.Selector.Empty(),
		Gives:   func(schema.GroupKind) bool { return o.Others != nil },
	}
}

// Items implements [source.Source]. Namespaces are complete only at the end:
// files have no order.
func (s *Source) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		p := newPipeline(ctx, s)
		defer p.stop()
		for i := range p.jobs() {
			if !yield(i, nil) {
				return
			}
		}
		if err := p.failure(); err != nil {
			yield(source.Item{}, err)
			return
		}
		for _, last := range []iter.Seq[source.Item]{s.missing(p.namespaces), p.hidden.items()} {
			for i := range last {
				if !yield(i, nil) {
					return
				}
			}
		}
	}
}

// chosen reports whether the options choose an object.
func (o *Options) chosen(kind string, meta *metav1.ObjectMeta) bool {
	if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, kind) {
		return false
	}
	namespace := namespaceOf(meta)
	if len(o.Namespaces) > 0 && !slices.Contains(o.Namespaces, namespace) || slices.Contains(o.ExcludeNamespaces, namespace) {
		return false
	}
	return o.Selector == nil || o.Selector.Matches(labels.Set(meta.Labels))
}

// namespaceOf is where an object would go: kubectl puts it into "default" where it does not say.
func namespaceOf(meta *metav1.ObjectMeta) string {
	if meta.Namespace == "" {
		return metav1.NamespaceDefault
	}
	return meta.Namespace
}

// missing tells of the namespaces that were asked for and that no workload is in.
func (s *Source) missing(seen map[string]bool) iter.Seq[source.Item] {
	return func(yield func(source.Item) bool) {
		for _, n := range s.options.Namespaces {
			if seen[n] {
				continue
			}
			gap := &finding.Coverage{Scope: "namespace/" + n, State: finding.NotFound, Detail: "no workload in these files is in namespace " + n}
			if !yield(source.Item{Coverage: gap}) {
				return
			}
		}
	}
}

// nothing is the error of a source without any object.
func (s *Source) nothing() error {
	if len(s.paths) == 0 {
		return fmt.Errorf("no files were named: name a file, a folder, or - for standard input")
	}
	return fmt.Errorf("no Kubernetes object found in %s: an object has an apiVersion and a kind; "+
		"folders are searched for .yaml, .yml and .json files", strings.Join(s.paths, ", "))
}

func problem(file, message string) source.Item {
	return source.Item{Problem: &finding.Problem{File: file, Message: message}}
}
