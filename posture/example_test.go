package posture_test

import (
	"context"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
)

// onePod is a source of one pod. Real ones are the packages cluster and manifest.
type onePod struct{ *corev1.Pod }

func (p onePod) Items(context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		o := source.FromPod(p.Pod)
		yield(source.Item{Object: &o}, nil)
	}
}

// printer is a sink that prints.
type printer struct{}

func (printer) Finding(f *finding.Finding) error {
	fmt.Printf("%s %s: %s (%s)\n%s\n", f.Workload, f.Container, f.Check, f.Severity, f.Message)
	return nil
}

func (printer) Flush() error { return nil }

func Example() {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Image: "registry.example/shop/cart:1.4.2",
			SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0))},
		}}},
	}
	checks, err := builtin.Select([]string{"run-as-root"}, nil)
	if err != nil {
		fmt.Println(err)
	}
	report, err := posture.Scan(context.Background(), onePod{pod}, posture.Options{Checks: checks}, printer{})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println("complete:", report.Summary.Complete)
	// Output:
	// Pod/cart app: run-as-root (high)
	// Runs as root: runAsUser is 0.
	// complete: true
}
