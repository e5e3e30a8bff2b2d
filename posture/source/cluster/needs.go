package cluster

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
	"github.com/kubeassay/assay/posture/source"
)

// Need is one permission that a scan uses.
type Need struct {
	permission.Want
	// Required: the scan is not complete without it.
	Required bool
	// For says what it is used for.
	For string
}

// Needs lists the permissions that reading the source takes, all of them and
// no more: with exactly these, everything is read.
func (s *Source) Needs() []Need {
	var all []Need
	named := slices.Compact(slices.Sorted(slices.Values(s.o.Namespaces)))
	if len(named) == 0 {
		all = append(all, Need{permission.Want{Verb: "list", Resource: kube.Namespaces}, true, "which namespaces there are"})
		named = []string{""}
	} else {
		for _, n := range named {
			all = append(all, Need{permission.Want{Verb: "get", Resource: kube.Namespaces, Namespace: n}, false, "whether the namespace exists"})
		}
	}
	for _, l := range s.lists() {
		for _, n := range named {
			all = append(all, Need{permission.Want{Verb: "list", Resource: l.resource, Namespace: n}, l.required, l.purpose()})
		}
	}
	all = append(all, s.othersNeeds()...)
	kubelets := s.kubelets != nil && len(s.o.Namespaces) == 0
	switch {
	case len(s.o.Namespaces) == 0 && s.asks(schema.GroupKind{Kind: kube.Nodes.Kind}): // among the others
	case kubelets && s.o.Nodes:
		all = append(all, Need{permission.Want{Verb: "list", Resource: kube.Nodes}, true, "which kubelets there are, and whether pods differ because their nodes do"})
	case kubelets:
		all = append(all, Need{permission.Want{Verb: "list", Resource: kube.Nodes}, true, "which kubelets there are"})
	case s.o.Nodes:
		all = append(all, Need{permission.Want{Verb: "list", Resource: kube.Nodes}, false, "whether pods differ because their nodes do"})
	}
	if kubelets {
		all = append(all, s.kubeletsNeed())
	}
	return all
}

// othersNeeds are the permissions for what is no pod and makes none.
func (s *Source) othersNeeds() (all []Need) {
	named := slices.Compact(slices.Sorted(slices.Values(s.o.Namespaces)))
	for _, o := range s.wanted() {
		if o.local { // among the lists
			continue
		}
		switch {
		case len(named) == 0:
			required := s.o.OthersRequired || s.kubelets != nil && o.resource == kube.Nodes
			all = append(all, Need{permission.Want{Verb: "list", Resource: o.resource}, required, PurposeOfOthers})
		case o.resource.Namespaced:
			for _, n := range named {
				all = append(all, Need{permission.Want{Verb: "list", Resource: o.resource, Namespace: n}, s.o.OthersRequired, PurposeOfOthers})
			}
		}
	}
	return all
}

// PurposeOfOthers is what a need is for that only checks have, beside those
// about pods.
const PurposeOfOthers = "what checks ask about besides pods"

func (l *list) purpose() string {
	_, between := between(l.resource)
	switch {
	case l.other != nil && l.metadata:
		return "what checks ask about besides pods (only metadata is read)"
	case l.other != nil:
		return PurposeOfOthers
	case l.resource == kube.Pods:
		return "what runs"
	case l.ownersOnly:
		return "to whom pods belong (only metadata is read)"
	case between:
		return "to whom pods belong, and templates that nothing else owns"
	}
	return "templates, also where no pod runs"
}

// Namespaces lists the namespaces that a scan would go through; coverage says
// what could not be found out. It is for plans.
func (s *Source) Namespaces(ctx context.Context) (names []string, gaps []finding.Coverage, err error) {
	r := s.newReader(func(i source.Item, _ error) bool {
		if i.Coverage != nil {
			gaps = append(gaps, *i.Coverage)
		}
		return true
	})
	if err := r.findNamespaces(ctx); err != nil {
		return nil, nil, err
	}
	return r.scope.names, gaps, nil
}
