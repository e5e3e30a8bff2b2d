package server_test

import (
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// few are checks enough to show what the server makes of verdicts.
func few() []*check.Check {
	checks, err := builtin.Select([]string{"image-latest-tag", "image-tag-drift", "run-as-root"}, nil)
	if err != nil {
		panic(err)
	}
	return checks
}
