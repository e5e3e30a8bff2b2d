package server

import (
	"context"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/source"
)

// Backend is what the server scans: a live cluster, or the embedded example.
type Backend interface {
	// Source returns what there is to judge within the scope. ctx is the scan's.
	Source(ctx context.Context, scope Scope) (source.Source, error)
	// Ready returns nil when the API server answers.
	Ready(ctx context.Context) error
	// Cluster names the server that is scanned.
	Cluster() string
	// APICalls counts the calls to the API server so far, by HTTP status; 0
	// stands for calls without an answer. It may be nil where there is no API server.
	APICalls() map[int]int
}

// Scope is the part of the cluster that a request asks for.
type Scope struct {
	// Namespaces to scan; empty means all. Excluded ones are left out. Both
	// are sorted and without duplicates.
	Namespaces        []string `json:"namespaces,omitempty"`
	ExcludeNamespaces []string `json:"excludeNamespaces,omitempty"`
	// Selector is a label selector in its canonical form.
	Selector string `json:"selector,omitempty"`
	// PodsOnly: only pods are judged. Their owners may be read for their names,
	// but a scan is complete without them.
	PodsOnly bool `json:"podsOnly,omitempty"`
}

// everything reports whether the scope is the whole cluster.
func (s Scope) everything() bool {
	return len(s.Namespaces) == 0 && len(s.ExcludeNamespaces) == 0 && s.Selector == ""
}

// ScanFunc is the signature of [posture.Scan].
type ScanFunc func(context.Context, source.Source, posture.Options, posture.Sink) (*finding.Report, error)
