package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kubeassay/assay/inspect/collect/local"
	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	maxPlan  = 32 << 20
	planTime = 30 * time.Second // for the plan to arrive
	// leastTime is what writing the answer gets at least, after the collecting.
	leastTime = 30 * time.Second
)

func collect(ctx context.Context, args []string, stdin, stdout *os.File) error {
	flags := flag.NewFlagSet("collect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var from local.Source
	flags.StringVar(&from.Root, "root", "", "a folder that holds a container's file system")
	flags.StringVar(&from.ContainerID, "container-id", "", "a running container")
	flags.BoolVar(&from.ProcessOne, "process-one", false, "process 1 is the container's first, where no IDs can be seen")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("collect: %w: %w", err, errUsage)
	}
	if flags.NArg() > 0 || (from.Root == "") == (from.ContainerID == "") {
		return fmt.Errorf("collect takes either --root or --container-id: %w", errUsage)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go watch(ctx, stdout, cancel)

	var plan *snapshot.Plan
	err := within(ctx, planTime, "waiting for the plan", func(context.Context) (err error) {
		plan, err = readPlan(stdin)
		return err
	})
	if err != nil {
		return err
	}
	limit := plan.Limits.WithDefaults().Time
	return within(ctx, limit+max(limit, leastTime), "collecting", func(ctx context.Context) error {
		s, err := local.Collect(ctx, from, plan)
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(stdout, 64<<10)
		return errors.Join(snapshot.Save(out, s, snapshot.SaveOptions{KeepSecrets: true}), out.Flush())
	})
}

// within runs f until it is done or the time is up. An f that hangs in a
// system call is left behind: the program is about to end.
func within(ctx context.Context, limit time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s took longer than %s", what, limit))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
	}
}

// readPlan reads one JSON value. It does not wait for the end of the stream:
// not every way that leads here can close it.
func readPlan(in io.Reader) (*snapshot.Plan, error) {
	limited := &io.LimitedReader{R: in, N: maxPlan}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	var plan snapshot.Plan
	err := d.Decode(&plan)
	switch {
	case err != nil && limited.N == 0:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", local.ErrPlan, maxPlan)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: standard input ended before it", local.ErrPlan)
	case err != nil:
		return nil, fmt.Errorf("%w: reading it: %w", local.ErrPlan, err)
	}
	rest, err := io.ReadAll(d.Buffered())
	if err != nil {
		return nil, err
	}
	if rest = bytes.TrimSpace(rest); len(rest) > 0 {
		return nil, fmt.Errorf("%w: something follows it: %.50q", local.ErrPlan, rest)
	}
	return &plan, nil
}
