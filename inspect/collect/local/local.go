package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Source says what to read: a folder or a container, and not both.
type Source struct {
	// Root is a folder that holds a container's file system.
	Root string
	// ContainerID names a running container, as a pod's status does:
	// "containerd://0a5e…", or the 64 digits alone.
	ContainerID string
	// ProcessOne says that process 1 is the container's first: true of an
	// ephemeral container with targetContainerName in a pod that does not share
	// its process namespace. It is only used where /proc shows no container's ID.
	ProcessOne bool
}

// What a caller may want to tell apart.
var (
	ErrUnsupported = errors.New("this works on Linux only")
	ErrPlan        = errors.New("the plan can't be carried out")
	ErrNotFound    = errors.New("no process of the container was found")
	ErrGone        = errors.New("the container ended while it was read")
)

// Collect gathers what the plan asks for. What could not be read is a state in
// the snapshot and no error; so is what the plan's time did not suffice for. It
// can't get hold of a system call that hangs: a caller who must go on needs a
// time limit of their own.
func Collect(ctx context.Context, from Source, plan *snapshot.Plan) (*snapshot.Snapshot, error) {
	if (from.Root == "") == (from.ContainerID == "") {
		return nil, fmt.Errorf("%w: it wants either a folder or a container ID", ErrPlan)
	}
	if err := plan.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return collect(ctx, from, plan)
}
