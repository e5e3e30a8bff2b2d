package assay_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubeassay/assay"
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source/manifest"
)

func Example() {
	text := strings.NewReader(`
apiVersion: v1
kind: Pod
metadata: {name: cart}
spec:
  securityContext: {runAsUser: 0}
  containers:
  - {name: app, image: "registry.example/cart:1.4"}
`)
	report, err := assay.Scan(context.Background(), manifest.New([]string{"-"}, manifest.Options{Stdin: text, Others: posture.Others(builtin.Default())}), posture.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		if !f.Severity.AtLeast(finding.Medium) {
			continue // hardening and good practice
		}
		fmt.Println(f.Workload, f.Container, f.Check, f.Severity, f.Evidence)
	}
	fmt.Println("complete:", report.Summary.Complete)
	// Output:
	// Pod/cart app run-as-root high declared
	// complete: true
}
