package network_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/network"
)

func TestFixtures(t *testing.T) { checktest.Run(t, network.All(), "testdata") }
