package network_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/network"
	"github.com/kubeassay/assay/posture/index"
)

// crowd is a cluster with one namespace of so many pods, policies, Services
// and Ingresses.
func crowd(n int) (x *index.Index, objects []*index.Object) {
	x = index.New()
	x.Live = true
	add := func(apiVersion, kind string, o metav1.Object) {
		object := &index.Object{APIVersion: apiVersion, Kind: kind, Object: o}
		objects = append(objects, object)
		x.Add(object)
	}
	add("v1", "Namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	for i := range n {
		app := map[string]string{"app": fmt.Sprint("a", i)}
		meta := metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("o", i)}
		add("networking.k8s.io/v1", "NetworkPolicy", &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: app}}})
		add("v1", "Service", &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: app, Ports: []corev1.ServicePort{{Port: 80}}}})
		add("networking.k8s.io/v1", "Ingress", &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{
			Rules: []networkingv1.IngressRule{{Host: "shop.example.com"}}, TLS: []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}}},
		}})
		x.See(&index.Pod{Namespace: "shop", Name: fmt.Sprint("p", i), Labels: map[string]string{"app": fmt.Sprint("a", i), "pod-template-hash": "x"}})
	}
	return x, objects
}

// BenchmarkChecks tells what each check costs for a pod, with as many policies
// and other objects as pods.
func BenchmarkChecks(b *testing.B) {
	const pods = 1000
	x, objects := crowd(pods)
	n := x.Namespace("shop")
	yield := func(*index.Object, check.Verdict) {}
	for _, c := range network.All() {
		b.Run(c.ID, func(b *testing.B) {
			for b.Loop() {
				switch {
				case c.Join != nil:
					for _, p := range n.Pods() {
						c.Join(&check.Joint{Pod: p, Namespace: n, SpecPath: "spec"})
					}
				case c.SurveyNamespace != nil:
					c.SurveyNamespace(n, yield)
				case c.SurveyCluster != nil:
					c.SurveyCluster(x, yield)
				default:
					for _, o := range objects {
						for _, k := range c.Kinds {
							if k == o.GroupKind() {
								c.JudgeObject(o, x)
							}
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pods, "ns/pod")
		})
	}
}
