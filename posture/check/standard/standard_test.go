package standard_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/standard"
)

func TestFixtures(t *testing.T) { checktest.Run(t, standard.All(), "testdata") }
