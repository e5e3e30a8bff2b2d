package local

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

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
	if err := check(plan); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return collect(ctx, from, plan)
}

const (
	maxPlan = 200_000 // paths and patterns
	maxPath = 4096    // the kernel's PATH_MAX
)

// check refuses a plan that no file system could answer.
func check(p *snapshot.Plan) error {
	if n := len(p.Files) + len(p.Stats) + len(p.Globs) + len(p.Trees); n > maxPlan {
		return fmt.Errorf("it has %d paths and patterns, and the limit is %d", n, maxPlan)
	}
	if l := p.Limits; l.FileBytes < 0 || l.TotalBytes < 0 || l.Files < 0 || l.Time < 0 {
		return errors.New("its limits must not be negative")
	}
	for _, list := range [][]string{p.Files, p.Stats} {
		for _, name := range list {
			if err := checkPath(name); err != nil {
				return err
			}
		}
	}
	for _, g := range p.Globs {
		if err := errors.Join(checkPath(g.Pattern), checkPattern(g.Pattern)); err != nil {
			return err
		}
	}
	for _, t := range p.Trees {
		if err := checkPath(t.Path); err != nil {
			return err
		}
		if t.ContentsUpTo < 0 {
			return fmt.Errorf("the tree %q: contentsUpTo must not be negative", t.Path)
		}
		for _, pattern := range t.Contents {
			if err := checkPattern(pattern); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPath(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("the path %q is not absolute", name)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("the path %q holds a zero byte", name)
	case len(name) >= maxPath:
		return fmt.Errorf("a path of %d bytes is too long: %.40q…", len(name), name)
	}
	return nil
}

func checkPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("the pattern %q: %w", pattern, err)
	}
	return nil
}
