package workload_test

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/workload"
)

func Example() {
	spec := &corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64(10001))},
		InitContainers:  []corev1.Container{{Name: "migrate", SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0))}}},
		Containers:      []corev1.Container{{Name: "cart"}},
	}
	for c := range workload.Containers(spec) {
		user := workload.EffectiveUser(spec, c)
		fmt.Printf("%s %s runs as %d, by %s\n", c.Type, c.Name, *user.RunAsUser, c.FieldPath("runAsUser", user.RunAsUserFromPod))
	}
	// Output:
	// initContainer migrate runs as 0, by initContainers[0].securityContext.runAsUser
	// container cart runs as 10001, by securityContext.runAsUser
}
