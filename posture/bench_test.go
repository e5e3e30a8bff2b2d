package posture

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
)

// BenchmarkAdd judges the pods of a ReplicaSet, each with two containers and a
// status that reports their users. Nothing is wrong with them.
func BenchmarkAdd(b *testing.B) {
	for _, tt := range []struct {
		name string
		mods []mod
	}{
		{"user declared", []mod{withUser(10001)}},
		{"user left to the image", nil},
	} {
		b.Run(tt.name, func(b *testing.B) { benchmarkAdd(b, tt.mods) })
	}
}

func benchmarkAdd(b *testing.B, mods []mod) {
	cart := deployment("cart", "2")
	set := replicaSet("cart-2", cart, "2")
	objects := make([]source.Object, 100)
	for i := range objects {
		p := pod(fmt.Sprintf("cart-2-%05d", i), append([]mod{ownedBy(set), withContainer("mesh")}, mods...)...)
		p.Labels = map[string]string{"app": "cart", "pod-template-hash": "5d9c6b7f8"}
		p.Spec.NodeName = fmt.Sprintf("node-%d", i%10)
		p.Status.Phase = corev1.PodRunning
		for c := range p.Spec.Containers {
			p.Spec.Containers[c].SecurityContext = p.Spec.Containers[0].SecurityContext
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: p.Spec.Containers[c].Name, Image: pinned,
				ImageID: "registry.example/shop/cart@sha256:" + strings.Repeat("a1", 32),
				State:   corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				User:    &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: 10001, GID: 10001}},
			})
		}
		objects[i] = object(p)
	}
	g := newGatherer(&Options{Checks: builtin.All(), Statuses: []finding.Status{finding.Fail, finding.Error}})
	for i := range 10 {
		g.arch[fmt.Sprintf("node-%d", i)] = "amd64"
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.add(&objects[i%len(objects)])
	}
}

// BenchmarkNamespace is a namespace from its first object to its findings: 100
// Deployments with three pods each, one in ten with something to find.
func BenchmarkNamespace(b *testing.B) {
	var objects []source.Object
	for i := range 100 {
		mods := []mod{withUser(10001)}
		if i%10 == 0 {
			mods = nil
		}
		cart := deployment(fmt.Sprint("cart-", i), "2", mods...)
		set := replicaSet(fmt.Sprint("cart-", i, "-2"), cart, "2", mods...)
		objects = append(objects, object(cart), object(set))
		for p := range 3 {
			objects = append(objects, object(pod(fmt.Sprint("cart-", i, "-2-", p), append(mods, ownedBy(set), runsDigest("a1", "n1"))...)))
		}
	}
	g := newGatherer(&Options{Checks: builtin.All(), Statuses: []finding.Status{finding.Fail, finding.Error}})
	b.ReportAllocs()
	for b.Loop() {
		for i := range objects {
			g.add(&objects[i])
		}
		if _, err := g.merge(joiner{}, func(*check.Check, finding.Status) {}, func(*finding.Finding) error { return nil }, func(string) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*300), "ns/pod")
}
