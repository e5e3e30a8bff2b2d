package network_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/network"
)

// crowd is a namespace with n policies, n Services and n pods, as they are in
// large ones: each is about one application.
func crowd(n int) (policies []*networkingv1.NetworkPolicy, services []*corev1.Service, pods []network.Pod) {
	for i := range n {
		app := map[string]string{"app.kubernetes.io/name": fmt.Sprint("app", i), "app.kubernetes.io/part-of": "shop"}
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", i)}}
		p.Spec.PodSelector.MatchLabels = app
		if i%10 == 0 {
			p.Spec.PodSelector.MatchLabels = nil
			p.Spec.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app.kubernetes.io/name", Operator: "In", Values: []string{fmt.Sprint("app", i), fmt.Sprint("app", i+1)}}}
		}
		policies = append(policies, p)
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("s", i)}}
		svc.Spec.Selector = app
		services = append(services, svc)
		pods = append(pods, network.Pod{Labels: map[string]string{
			"app.kubernetes.io/name": fmt.Sprint("app", i), "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/instance": fmt.Sprint("i", i), "pod-template-hash": "5d9f7c",
		}})
	}
	return policies, services, pods
}

// judge does what a scan of the crowd does.
func judge(t testing.TB, policies []*networkingv1.NetworkPolicy, services []*corev1.Service, pods []network.Pod) {
	s := network.NewCluster().Space("shop", nil)
	for _, p := range policies {
		s.AddPolicy(p)
	}
	for _, svc := range services {
		s.AddService(svc)
	}
	for _, p := range pods {
		s.See(p)
		if s.State(p, network.Ingress) != network.Isolated || s.State(p, network.Egress) != network.Open {
			t.Fatal("a pod is not judged as it should be")
		}
	}
}

func BenchmarkDoubling(b *testing.B) {
	for _, n := range []int{500, 1000, 2000, 4000} {
		policies, services, pods := crowd(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				judge(b, policies, services, pods)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/pod")
		})
	}
}

func BenchmarkState(b *testing.B) {
	policies, services, pods := crowd(1000)
	s := network.NewCluster().Space("shop", nil)
	for i := range policies {
		s.AddPolicy(policies[i])
		s.AddService(services[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.State(pods[i%len(pods)], network.Ingress)
	}
}

// TestDoublingDoubles: eight times as many of everything may take at most
// thirty times as much of the processor (comparing each with each would take 64
// times as much). What else the machine does is not counted.
func TestDoublingDoubles(t *testing.T) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Skipf("this system does not tell what a process used: %v", err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	best := func(n int) time.Duration {
		policies, services, pods := crowd(n)
		least := time.Duration(1<<63 - 1)
		for range 5 {
			runtime.GC()
			start := used()
			judge(t, policies, services, pods)
			least = min(least, used()-start)
		}
		return max(least, time.Millisecond) // the clock's own grain
	}
	small, large := best(500), best(4000)
	if large > 30*small {
		t.Errorf("500 take %s, 4000 take %s", small, large)
	}
}
