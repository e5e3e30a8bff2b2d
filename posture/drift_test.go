package posture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
)

func TestImageTagDrift(t *testing.T) {
	cart := deployment("cart", "2")
	set, old := replicaSet("cart-2", cart, "2"), replicaSet("cart-1", cart, "1")
	p := func(name, digest, node string, mods ...mod) *corev1.Pod {
		return pod(name, append([]mod{ownedBy(set), runsDigest(digest, node)}, mods...)...)
	}
	amd, amd2, arm := node("n1", "amd64"), node("n2", "amd64"), node("n3", "arm64")
	phase := func(ph corev1.PodPhase) mod { return func(p *corev1.Pod) { p.Status.Phase = ph } }
	waiting := func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	}
	imported := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "sha256:" + strings.Repeat("cd", 32) }
	leaving := func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(time.Unix(0, 0))) }
	tests := []struct {
		name string
		src  []any
		want string
	}{
		{"the same", []any{amd, amd2, p("a", "a1", "n1"), p("b", "a1", "n2")}, `Deployment/cart app: pass reported 2/2 a`},
		{"differ on nodes of one architecture", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2")}, `Deployment/cart app: fail medium reported 2/2 a,b`},
		{"differ on one node", []any{p("a", "a1", "n1"), p("b", "b2", "n1")}, `Deployment/cart app: fail medium reported 2/2 a,b`},
		{
			"differ on one node among many", []any{p("a", "a1", "n1"), p("c", "a1", "n2"), p("d", "a1", "n1"), p("b", "b2", "n2")},
			`Deployment/cart app: fail medium reported 4/4 a,b`,
		},
		{"differ on nodes of two architectures", []any{amd, arm, p("a", "a1", "n1"), p("b", "b2", "n3")}, `Deployment/cart app: not-reviewed reported 2/2 a,b`},
		{"differ, and the nodes are not known", []any{p("a", "a1", "n1"), p("b", "b2", "n2")}, `Deployment/cart app: not-reviewed reported 2/2 a,b`},
		{"differ, and one node is not known", []any{amd, p("a", "a1", "n1"), p("b", "b2", "n2")}, `Deployment/cart app: not-reviewed reported 2/2 a,b`},
		{"differ, and the pods name no node", []any{p("a", "a1", ""), p("b", "b2", "")}, `Deployment/cart app: not-reviewed reported 2/2 a,b`},
		{
			"templates differ", []any{amd, amd2, old, p("a", "a1", "n1"), pod("b", ownedBy(old), runsDigest("b2", "n2"))},
			`Deployment/cart app: pass reported 1/2 a`,
		},
		{
			"within one of two templates", []any{amd, amd2, old, pod("c", ownedBy(old), runsDigest("a1", "n1")), p("a", "a1", "n1"), p("b", "b2", "n2")},
			`Deployment/cart app: fail medium reported 2/3 a,b`,
		},
		{
			"images differ in a pod's spec", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2", withImage(pinned+"-fixed"))},
			`Deployment/cart app: pass reported 1/2 a`,
		},
		{
			"a digest in the spec", []any{amd, amd2, p("a", "a1", "n1", byDigest), p("b", "b2", "n2", byDigest)},
			`Deployment/cart app: not-applicable declared 2/2 a,b`,
		},
		{"one does not run", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2", phase(corev1.PodFailed))}, `Deployment/cart app: pass reported 1/2 a`},
		{"one container waits", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2", waiting)}, `Deployment/cart app: pass reported 1/2 a`},
		{"one is on its way out", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2", leaving)}, `Deployment/cart app: pass reported 1/2 a`},
		{"an imported image has no registry's digest", []any{amd, amd2, p("a", "a1", "n1"), p("b", "b2", "n2", imported)}, `Deployment/cart app: pass reported 1/2 a`},
		{"nothing runs", []any{pod("a", ownedBy(set))}, `Deployment/cart app: not-applicable reported 0/1`},
	}
	crowd := []any{}
	for i := range nodesKept {
		crowd = append(crowd, p(fmt.Sprint("a", i), "a1", "n1"))
	}
	tests = append(tests, struct {
		name string
		src  []any
		want string
	}{"many pods on one node don't hide another node", append(crowd, p("x", "a1", "n2"), p("y", "b2", "n2")),
		fmt.Sprintf(`Deployment/cart app: fail medium reported %[1]d/%[1]d a0,y`, nodesKept+2)})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := only(t, "image-tag-drift")
			o.Statuses = everyStatus
			got, _ := scanned(t, o, append([]any{cart, set}, tt.src...)...)
			same(t, brief(got), tt.want)
		})
	}
}

func byDigest(p *corev1.Pod) { app(p).Image = pinned + "@sha256:" + strings.Repeat("a1", 32) }

func TestImageTagDriftInInitContainers(t *testing.T) {
	set := replicaSet("cart-2", nil, "")
	started := func(digest string) mod {
		return func(p *corev1.Pod) {
			runsDigest("ff", "n1")(p)
			p.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "registry.example/migrate:1"}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
				Name: "migrate", ImageID: "registry.example/migrate@sha256:" + strings.Repeat(digest, 32),
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}},
			}}
		}
	}
	got, _ := scanned(t, only(t, "image-tag-drift"), set, pod("a", ownedBy(set), started("a1")), pod("b", ownedBy(set), started("b2")))
	same(t, brief(got), `ReplicaSet/cart-2 migrate: fail medium reported 2/2 a,b`)
	same(t, grounds(got[0]), `
		reported status.initContainerStatuses[0].imageID=registry.example/migrate@sha256:`+strings.Repeat("a1", 32)+` of Pod/a in 1
		reported status.initContainerStatuses[0].imageID=registry.example/migrate@sha256:`+strings.Repeat("b2", 32)+` of Pod/b in 1`)
}

func TestCopiesAreBounded(t *testing.T) {
	set := replicaSet("cart-2", nil, "")
	g := newGatherer(&Options{Checks: only(t, "image-tag-drift").Checks, Statuses: []finding.Status{finding.Fail}})
	for i := range 200 {
		o := object(pod(fmt.Sprint("p", i), ownedBy(set), runsDigest(fmt.Sprintf("%02x", i), fmt.Sprint("n", i))))
		g.add(&o)
		o = object(pod(fmt.Sprint("q", i), ownedBy(set), runsDigest("00", fmt.Sprint("m", i))))
		g.add(&o)
	}
	j := g.order[0].containers[0]
	if len(j.copies) != copiesKept || len(j.copies[0].Nodes) != nodesKept {
		t.Errorf("%d copies and %d nodes are kept", len(j.copies), len(j.copies[0].Nodes))
	}
}

func TestEveryCopyIsCountedOnce(t *testing.T) {
	o := only(t, "image-tag-drift")
	o.Checks = append(o.Checks, o.Checks[0]) // as when another check compares copies too
	o.Statuses = everyStatus
	got, _ := scanned(t, o, node("n1", "amd64"), pod("a", runsDigest("a1", "n1")))
	same(t, brief(got), `
		Pod/a app: pass reported 1/1 a
		Pod/a app: pass reported 1/1 a`)
}
