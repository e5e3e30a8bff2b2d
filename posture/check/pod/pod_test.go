package pod_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/pod"
)

func TestFixtures(t *testing.T) { checktest.Run(t, pod.All(), "testdata") }
