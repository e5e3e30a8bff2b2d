package exec

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// runner runs a command in the container; *stream.Streamer does.
type runner interface {
	Run(ctx context.Context, c stream.Command) (stream.Result, error)
}

// Collector looks into one container by running commands in it.
type Collector struct {
	run    runner
	target collect.Target
	method string // the rung that answered; empty before the first answer
}

var _ collect.Collector = (*Collector)(nil)

// New makes a collector for a running container.
func New(client *kube.Client, target collect.Target) *Collector {
	return &Collector{run: stream.New(client), target: target}
}

// Approach is snapshot.KubernetesAPI.
func (c *Collector) Approach() snapshot.Approach { return snapshot.KubernetesAPI }

// Close does nothing: the collector makes nothing, and what it runs ends by itself.
func (c *Collector) Close(context.Context) error { return nil }

// Collect asks in up to three round trips; without a shell it takes more.
func (c *Collector) Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (collect.Usage, error) {
	if err := check(plan); err != nil {
		return collect.Usage{}, fmt.Errorf("the plan can't be carried out: %w", err)
	}
	rungs := []struct {
		method string
		climb  func(*attempt) error
	}{{"sh", (*attempt).shell}, {"tar", (*attempt).tar}, {"cat", (*attempt).cat}}
	var usage collect.Usage
	none := &NoToolsError{Container: fmt.Sprintf("container %s of pod %s in namespace %s", c.target.Container, c.target.Pod, c.target.Namespace)}
	for _, rung := range rungs {
		if c.method != "" && c.method != rung.method {
			continue
		}
		a := &attempt{ctx: ctx, c: c, gathering: newGathering(plan), usage: usage}
		err := rung.climb(a)
		usage = a.usage
		var missing *stream.NoCommandError
		var strange *malformedError
		switch {
		case errors.As(err, &missing), errors.As(err, &strange) && c.method == "":
			none.Tried = append(none.Tried, rung.method)
			if none.Err == nil {
				none.Err = err
			}
			continue
		case err != nil:
			return a.usage, err
		}
		c.method, a.usage.Method = rung.method, rung.method
		a.usage.UID, a.usage.GID = a.uid, a.gid
		a.finish()
		merge(into, a.b.Snapshot())
		return a.usage, nil
	}
	if c.method != "" { // it was there before
		return usage, none.Err
	}
	return usage, none
}

// attempt is one call of Collect.
type attempt struct {
	*gathering
	//nolint:containedctx // it lives for one call, and the rungs are methods of it
	ctx   context.Context
	c     *Collector
	usage collect.Usage
	// problem says why the answers are not whole, where they are not.
	problem snapshot.Fact
}

func (a *attempt) used(argv []string, r *stream.Result) {
	a.usage.RoundTrips++
	a.usage.Bytes += r.Bytes
	if !slices.ContainsFunc(a.usage.Commands, func(known []string) bool { return slices.Equal(known, argv) }) {
		a.usage.Commands = append(a.usage.Commands, argv)
	}
}

func (a *attempt) command(argv []string) stream.Command {
	t := &a.c.target
	return stream.Command{Namespace: t.Namespace, Pod: t.Pod, Container: t.Container, Argv: argv}
}

// merge adds all evidence of a snapshot.
func merge(into *snapshot.Builder, s *snapshot.Snapshot) {
	into.SetKernel(s.Kernel)
	if list, f := s.Processes(); f.State != snapshot.NotCollected || f.Detail != "" {
		into.SetProcesses(list, f)
	}
	if list, f := s.Mounts(); f.State != snapshot.NotCollected || f.Detail != "" {
		into.SetMounts(list, f)
	}
	if list, f := s.Sockets(); f.State != snapshot.NotCollected || f.Detail != "" {
		into.SetSockets(list, f)
	}
	for e := range s.Entries() {
		into.Add(e)
		if e.Content.State != snapshot.Present && e.Content.State != snapshot.Truncated {
			continue
		}
		if data, at := s.Content(e.Path); at.Path == e.Path {
			into.SetContent(e.Path, data, e.Content)
		}
	}
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
	paths, patterns := slices.Concat(p.Files, p.Stats), []string(nil)
	for _, g := range p.Globs {
		paths, patterns = append(paths, g.Pattern), append(patterns, g.Pattern)
	}
	for _, t := range p.Trees {
		paths, patterns = append(paths, t.Path), append(patterns, t.Contents...)
	}
	for _, name := range paths {
		switch {
		case !strings.HasPrefix(name, "/"):
			return fmt.Errorf("the path %q is not absolute", name)
		case strings.ContainsRune(name, 0):
			return fmt.Errorf("the path %q holds a zero byte", name)
		case len(name) >= maxPath:
			return fmt.Errorf("a path of %d bytes is too long: %.40q…", len(name), name)
		}
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("the pattern %q: %w", pattern, err)
		}
	}
	return nil
}
