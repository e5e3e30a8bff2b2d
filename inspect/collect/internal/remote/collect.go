package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// Place is a running container of ours.
type Place struct{ Namespace, Pod, Container string }

// The collector's exit codes, see cmd/assay-collector.
const (
	exitUsage       = 3
	exitNotFound    = 4
	exitGone        = 5
	exitInterrupted = 6
	exitKilled      = 137
)

var (
	// ErrNotFound means: the container of ours does not see a process of the target.
	ErrNotFound = errors.New("no process of the container can be seen")
	// ErrOutOfTime means: the collector gave up because its time was over.
	ErrOutOfTime = errors.New("the time for one round trip was over")
)

// grace is what a round trip may take beyond what the collector takes at most,
// which is the plan's limit twice: once to look, once to send what was found.
const grace = time.Minute

// mostStderr bounds what of the collector's words an error repeats.
const mostStderr = 2000

// Collect runs the collector once. What it found is added by calling commit,
// once it is certain that the target is still the same.
func Collect(ctx context.Context, client *kube.Client, at Place, argv []string, plan *snapshot.Plan, into *snapshot.Builder) (usage collect.Usage, commit func(), err error) {
	input, err := json.Marshal(plan)
	if err != nil {
		return collect.Usage{}, nil, fmt.Errorf("writing the plan: %w", err)
	}
	limits := plan.Limits.WithDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, 2*limits.Time+grace, ErrOutOfTime)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan struct{})
	var result stream.Result
	var ran error
	go func() {
		defer close(ended)
		result, ran = stream.New(client).Run(ctx, stream.Command{
			Namespace: at.Namespace, Pod: at.Pod, Container: at.Container, Argv: argv, Stdin: bytes.NewReader(input), Stdout: w,
		})
		_ = w.CloseWithError(ran) // nil means the end
	}()
	s, err := load(r, limits)
	_ = r.CloseWithError(err)
	<-ended
	usage = collect.Usage{RoundTrips: 1, Bytes: result.Bytes, Method: "collector", Commands: [][]string{argv}}
	if err = explain(&result, ran, err); err != nil {
		return usage, nil, fmt.Errorf("%s in container %s of pod %s in namespace %s: %w", strings.Join(argv[:2], " "), at.Container, at.Pod, at.Namespace, err)
	}
	usage.UID, usage.GID, usage.Notes = s.Origin.UID, s.Origin.GID, s.Origin.Notes
	return usage, func() { merge(into, s) }, nil
}

// load reads the snapshot. It takes more than the collector was asked for, but
// no end of it: the program in the container may be somebody else's.
func load(r io.Reader, l snapshot.Limits) (*snapshot.Snapshot, error) {
	return snapshot.Load(r, snapshot.LoadLimits{
		Bytes:   l.TotalBytes + int64(l.Files)<<10 + 64<<20,
		Entries: 2*l.Files + 1000,
	})
}

// explain chooses the error that tells most: the collector's own words, then
// what became of the stream, then what is wrong with the answer.
func explain(result *stream.Result, ran, loaded error) error {
	said := strings.TrimSpace(string(result.Stderr[:min(len(result.Stderr), mostStderr)]))
	said = strings.TrimPrefix(said, "assay-collector: ")
	tell := func(err error) error {
		if said == "" {
			return err
		}
		return fmt.Errorf("%w: %s", err, said)
	}
	switch code := result.ExitCode; {
	case code == exitNotFound:
		return tell(ErrNotFound)
	case code == exitGone:
		return tell(collect.ErrChanged)
	case code == exitInterrupted:
		return tell(ErrOutOfTime)
	case code == exitUsage:
		return tell(errors.New("the collector does not understand what it is asked; is its image of the same version as this program?"))
	case code == exitKilled:
		return tell(errors.New("the collector was killed: its container ran out of memory, or was ended"))
	case code != 0:
		return tell(fmt.Errorf("the collector failed with exit code %d", code))
	case ran != nil && !errors.Is(ran, loaded):
		return ran
	case loaded != nil:
		return fmt.Errorf("reading the collector's answer: %w", loaded)
	}
	return ran
}
