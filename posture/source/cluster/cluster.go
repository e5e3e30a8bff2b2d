package cluster

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// Options says what to read. The zero value is everything.
type Options struct {
	// Namespaces to read; empty means all. Exclude takes some out of all.
	Namespaces, Exclude []string
	// Selector chooses objects by label: pods, and objects with a template.
	Selector string
	// FieldSelector chooses pods by field. Objects with a template have none of
	// the fields that one would ask for, so they are not judged then.
	FieldSelector string
	// Kinds to judge; empty means all that hold a pod template. Kinds that are
	// named must be readable, or the scan is not complete.
	Kinds []kube.Resource
	// Others are the kinds that checks ask about besides pods and what makes them.
	// Of Secrets only the metadata is ever read. What may not be read is a Gap.
	Others []schema.GroupKind
	// OthersRequired: the scan is not complete without them.
	OthersRequired bool
	// Kubelets says how kubelets are asked for their configuration, where checks
	// ask about that (the kind KubeletConfiguration of kubelet.config.k8s.io).
	Kubelets kube.KubeletOptions
	// Nodes are read for their architecture, where that is permitted.
	Nodes bool
	// PageSize is how many objects are asked for at a time; 0 is DefaultPageSize.
	PageSize int
	// Concurrency is how many requests are under way at the same time at most;
	// 0 is DefaultConcurrency.
	Concurrency int
}

const (
	// DefaultPageSize keeps the pages of nine kinds together within some 20 MB.
	DefaultPageSize = 150
	// DefaultConcurrency keeps the server's answers ahead of what one processor
	// can decode, and is a small part of what the server gives to one user.
	DefaultConcurrency = 4
)

// Kinds lists what can be judged, in the order in which a namespace is read:
// owners before what they own, pods last.
func Kinds() []kube.Resource {
	return []kube.Resource{
		kube.Deployments, kube.ReplicaSets, kube.StatefulSets, kube.DaemonSets,
		kube.CronJobs, kube.Jobs, kube.ReplicationControllers, kube.PodTemplates, kube.Pods,
	}
}

// Source reads one cluster. It can be read again.
type Source struct {
	client   *kube.Client
	o        Options
	selector labels.Selector
	kubelets *kube.Kubelets // nil: they are not asked
}

// New returns a source. It refuses selectors that can't be read, names that no
// namespace can have, kinds that hold no pods, and an authority of kubelets that
// can't be read; it does not talk to the cluster yet.
func New(client *kube.Client, o Options) (*Source, error) {
	selector, err := labels.Parse(o.Selector)
	if err != nil {
		return nil, fmt.Errorf("the label selector %q can't be read: %w", o.Selector, err)
	}
	if _, err := fields.ParseSelector(o.FieldSelector); err != nil {
		return nil, fmt.Errorf("the field selector %q can't be read: %w", o.FieldSelector, err)
	}
	if o.FieldSelector != "" && len(o.Kinds) > 0 && !slices.Equal(o.Kinds, []kube.Resource{kube.Pods}) {
		return nil, errors.New("a field selector chooses pods only, so it can't be used with other kinds")
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			return nil, fmt.Errorf("%s hold no containers, so there is nothing to scan in them", k)
		}
	}
	for _, n := range o.Namespaces {
		// What is no name could mean another path of the API.
		if wrong := validation.IsDNS1123Label(n); len(wrong) > 0 {
			return nil, fmt.Errorf("%q can't be the name of a namespace: %s", n, wrong[0])
		}
		if slices.Contains(o.Exclude, n) {
			return nil, fmt.Errorf("the namespace %s is both asked for and excluded", n)
		}
	}
	if o.PageSize <= 0 {
		o.PageSize = DefaultPageSize
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	s := &Source{client: client, o: o, selector: selector}
	if k := kubeletConfigurations(); s.asks(k.kind()) {
		if s.kubelets, err = client.Kubelets(o.Kubelets); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Kubelets asks the kubelets; nil where nobody asks about them.
func (s *Source) Kubelets() *kube.Kubelets { return s.kubelets }

// Describe implements [source.Described].
func (s *Source) Describe() source.Description {
	return source.Description{
		Live: true, Gives: s.gives,
		Partial: len(s.o.Namespaces)+len(s.o.Exclude)+len(s.o.Kinds) > 0 || s.o.Selector != "" || s.o.FieldSelector != "",
	}
}

// lists says which kinds are read, and how.
func (s *Source) lists() []list {
	var all []list
	for _, o := range s.wanted() {
		if o.local {
			all = append(all, list{resource: o.resource, required: s.o.OthersRequired, metadata: o.metadata, other: &o})
		}
	}
	judged := func(r kube.Resource) bool { return len(s.o.Kinds) == 0 || slices.Contains(s.o.Kinds, r) }
	pods := judged(kube.Pods)
	for _, r := range Kinds() {
		l := list{resource: r, required: r == kube.Pods || len(s.o.Kinds) > 0, labels: s.o.Selector}
		_, between := between(r)
		if between {
			l.labels = "" // those that are not chosen still lead from pods to workloads
		}
		switch {
		case r == kube.Pods && pods:
			l.fields = s.o.FieldSelector
		case judged(r) && s.o.FieldSelector == "":
		case pods && between:
			l.ownersOnly, l.metadata, l.required = true, true, false
		default:
			continue
		}
		all = append(all, l)
	}
	return all
}

// between reports whether a kind stands between pods and what a person edits,
// and which kind's template it then has a copy of.
func between(r kube.Resource) (owner kube.Resource, ok bool) {
	switch r {
	case kube.ReplicaSets:
		return kube.Deployments, true
	case kube.Jobs:
		return kube.CronJobs, true
	}
	return owner, false
}

// list is one kind that is read.
type list struct {
	resource kube.Resource
	// required: the scan is not complete without it.
	required bool
	// ownersOnly: it is read only to tell who owns whom.
	ownersOnly bool
	// metadata: no more than that is asked for.
	metadata bool
	// other, where set, says that the kind holds no pods.
	other          *other
	labels, fields string
}
