// Command assay tests what Kubernetes workloads claim against what they are.
package main

import (
	"os"
	"runtime/debug"

	"github.com/kubeassay/assay/internal/cli"
)

// gcPercent is a little less than Go's own 100: for a few percent more of
// processor time, a scan stays that much smaller in a pod with a limit.
const gcPercent = 85

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(cli.Main())
}
