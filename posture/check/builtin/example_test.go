package builtin_test

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/workload"
)

func Example() {
	checks, err := builtin.Select([]string{"image-latest-tag", "run-as-root"}, nil)
	if err != nil {
		panic(err)
	}
	spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: "cart", Image: "registry.example/shop/cart:latest"}}}
	view := check.View{Spec: spec, SpecPath: "spec.template.spec", Images: &image.Cache{}}
	for view.Container = range workload.Containers(spec) {
		for _, c := range checks {
			verdict := c.Judge(view)
			fmt.Println(c.ID, verdict.Status, verdict.Severity)
			fmt.Println("  by", verdict.Basis[0].Field)
		}
	}
	// Output:
	// image-latest-tag fail medium
	//   by spec.template.spec.containers[0].image
	// run-as-root fail medium
	//   by spec.template.spec.containers[0].securityContext.runAsNonRoot
}
