package sensitive_test

import (
	"testing"

	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/sensitive"
)

func TestFixtures(t *testing.T) { checktest.Run(t, sensitive.All(), "testdata") }
