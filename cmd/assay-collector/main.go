// Command assay-collector reads a container from beside it, for Assay. It is
// the only program in Assay's own image, and runs in three places: in an
// ephemeral container or a sidecar in the target's pod, and in a pod of ours
// that mounts the target's image.
//
//	assay-collector hold --for 10m                       waits: what the container runs
//	assay-collector stop                                 ends hold in the same container
//	assay-collector collect --root /target <plan.json    what "exec" runs in it
//	assay-collector collect --container-id ID <plan.json
//
// collect reads a plan (JSON of snapshot.Plan) from standard input and writes
// a snapshot (snapshot.Save) to standard output, and nothing else. It writes
// no file, opens no connection, and ends by itself: when it is done, when its
// time is up, and when nobody reads what it writes. The snapshot holds
// secrets as they are: whoever reads it redacts them on saving.
//
// Exit codes: 0 the snapshot is written whole; 2 it could not be collected;
// 3 wrong usage or a bad plan; 4 the target's process was not found; 5 the
// target ended meanwhile; 6 the time was up, or nobody reads any more.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kubeassay/assay/inspect/collect/local"
)

// The exit codes; see above.
const (
	exitDone        = 0
	exitFailed      = 2
	exitUsage       = 3
	exitNotFound    = 4
	exitGone        = 5
	exitInterrupted = 6
)

var (
	errUsage = errors.New(`wrong usage; it is:
       assay-collector hold --for 10m
       assay-collector stop
       assay-collector collect --root FOLDER <plan.json
       assay-collector collect --container-id ID [--process-one] <plan.json`)
	errInterrupted = errors.New("ended early")
)

func main() {
	code := exitFailed
	if err := shield(); err != nil {
		fmt.Fprintln(os.Stderr, "assay-collector:", err)
	} else {
		code = run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin, stdout *os.File, stderr io.Writer) int {
	err := errUsage
	if len(args) > 0 {
		switch args[0] {
		case "hold":
			err = hold(ctx, args[1:], stdout)
		case "stop":
			err = stop("/proc", os.Args[0])
		case "collect":
			err = collect(ctx, args[1:], stdin, stdout)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "assay-collector:", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, errUsage), errors.Is(err, local.ErrPlan):
		return exitUsage
	case errors.Is(err, local.ErrNotFound):
		return exitNotFound
	case errors.Is(err, local.ErrGone):
		return exitGone
	default:
		return exitFailed
	}
}
