package cluster_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/cluster"
)

func TestFixtures(t *testing.T) { checktest.Run(t, cluster.All(), "testdata") }
