// Command assay tests what Kubernetes workloads claim against what they are.
package main

import (
	"os"

	"github.com/kubeassay/assay/internal/cli"
)

func main() { os.Exit(cli.Main()) }
