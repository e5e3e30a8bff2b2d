package inspect

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Options says how to look.
type Options struct {
	// Profiles to judge by, with their inputs; each gives an inspection of its own for each target.
	Profiles []*profile.Profile
	// Plan asks for evidence beyond what the profiles need. Without profiles there
	// are no inspections, and what could not be looked into is in the coverage.
	Plan snapshot.Plan
	// Approach to take; empty for the least intrusive that can answer.
	Approach snapshot.Approach
	Access   AccessMode
	// TokenLife is how long a grant's token lives at most: from 10 minutes, the server's least.
	TokenLife time.Duration
	// ScannerNamespace is where service accounts and pods of ours are made;
	// empty for assay-system, where there is one.
	ScannerNamespace string
	// Image of the collector, for the approaches that run a container of ours.
	Image string
	// AllowPtrace lets the debug container have CAP_SYS_PTRACE.
	AllowPtrace bool
	// Confirm is asked before something is added that nobody can remove; nil means
	// no. It may be asked by several goroutines at once.
	Confirm func(ctx context.Context, question string) bool
	// Parallel targets at once, PerNode of them on one node.
	Parallel, PerNode int
	Limits            snapshot.Limits
	// Snapshot, where set, gets the evidence of each target and its pod, and
	// returns the digest of the evidence as saved. An error is the target's. It may
	// be called by several goroutines at once.
	Snapshot func(*snapshot.Snapshot, *corev1.Pod) (digest string, err error)
	// Waive, where set, may give a finding its waiver before it is counted. Calls
	// come one after the other.
	Waive func(*finding.Finding)
	// Progress, where set, is told after every target. Calls come one after the other.
	Progress func(Progress)
}

// AccessMode says whose rights are used inside targets.
type AccessMode string

// The modes. Auto makes grants where the user may, and else uses the user's own rights.
const (
	Auto           AccessMode = ""
	LeastPrivilege AccessMode = "least-privilege"
	AsMe           AccessMode = "as-me"
)

// Progress counts targets.
type Progress struct{ Done, Total int }

// Sink gets each inspection when it is done. Calls come one after the other,
// in the order in which the inspections end. An error ends the run.
type Sink interface {
	Inspection(*finding.Inspection) error
}

// The defaults of Options.
const (
	DefaultParallel  = 16
	DefaultPerNode   = 8
	DefaultTokenLife = 10 * time.Minute
)

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.PerNode <= 0 {
		o.PerNode = DefaultPerNode
	}
	if o.TokenLife == 0 {
		o.TokenLife = DefaultTokenLife
	}
	if o.Confirm == nil {
		o.Confirm = func(context.Context, string) bool { return false }
	}
	return o
}
