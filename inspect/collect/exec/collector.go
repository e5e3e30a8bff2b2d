package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	if err := plan.Check(); err != nil {
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
