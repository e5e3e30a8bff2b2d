// Command empty does nothing, with everything that assay links: what it costs is
// what starting costs.
package main

import _ "github.com/kubeassay/assay/internal/cli"

func main() {}
