// Package collect is what all ways into a container have in common: what they
// are told, and what they say they used. The ways themselves are the packages
// below it (exec, imagevolume, debugcontainer, sidecar); what they gather goes
// into a [snapshot.Builder]. It neither chooses between them nor judges what
// was found.
//
//	usage, err := collector.Collect(ctx, plan, builder)
//	defer collector.Close(ctx)
package collect

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Target is one container, as the caller found it.
type Target struct {
	snapshot.Target
	ContainerType finding.ContainerType
	// Declared is the pod as the caller read it.
	Declared *corev1.Pod
}

// Collector gathers evidence from one container. It is for one goroutine.
type Collector interface {
	// Approach says which of the ways this is.
	Approach() snapshot.Approach
	// Collect gathers what the plan asks for, in one batch. It may be called
	// again for what the first answer showed to be missing. Everything in the
	// plan gets a state; the error means that nothing more can be had this way.
	Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (Usage, error)
	// Close removes whatever the collector made in the cluster. It may be
	// called more than once, and after an error.
	Close(ctx context.Context) error
}

// Usage is what one call of Collect took.
type Usage struct {
	// RoundTrips counts the commands that ran in a container, Bytes what they sent.
	RoundTrips int
	Bytes      int64
	// Method is the rung of the ladder that answered, as in snapshot.Origin.
	Method string
	// Commands are the fixed command lines that ran, each once.
	Commands [][]string
	// UID and GID are those that the commands ran with; nil where unknown.
	UID, GID *int64
	// Notes say in words what limits the evidence, as in snapshot.Origin.
	Notes []string
}
