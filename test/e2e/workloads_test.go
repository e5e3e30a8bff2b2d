package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pods with this scheduler stay Pending: they are there, but cost nothing.
const idle = "schedulerName: nobody"

// idlePods makes pods that may run as root, by their spec, and never start.
func (c *cluster) idlePods(t *testing.T, namespace string, n int) {
	t.Helper()
	for i := range n {
		c.apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: idle-%d}
spec:
  %s
  containers: [{name: app, image: "registry.test/busybox:1"}]
`, i, idle))
	}
}

// deployment makes a Deployment whose pods may run as root and never start,
// and waits until they are there.
func (c *cluster) deployment(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	c.apply(t, namespace, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      %[3]s
      containers: [{name: app, image: "registry.test/busybox:1"}]
`, name, replicas, idle))
	eventually(t, fmt.Sprintf("%d pods of Deployment %s", replicas, name), func(ctx context.Context) (bool, string, error) {
		pods, err := listOf[corev1.Pod](ctx, c, namespace, metav1.ListOptions{LabelSelector: "app=" + name})
		return len(pods) == replicas, fmt.Sprint(len(pods), " pods"), err
	})
}
