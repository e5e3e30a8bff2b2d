package container_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/container"
)

func TestFixtures(t *testing.T) { checktest.Run(t, container.All(), "testdata") }
