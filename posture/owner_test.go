package posture

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
)

func TestPodsBelongToTheirTopOwner(t *testing.T) {
	cart := deployment("cart", "2", withUser(0))
	cartNew := replicaSet("cart-2", cart, "2", withUser(0))
	cartOld := replicaSet("cart-1", cart, "1", withUser(0), withContainer("gone"))
	cartOld.Spec.Replicas = new(int32(0))
	alone := replicaSet("alone", nil, "", withUser(0))
	night := cronJob("night", withUser(0))
	nightRun := job("night-1", night, withUser(0))
	rollout := custom("Rollout", "front", nil, new(podTemplate(withUser(0))))
	frontSet := replicaSet("front-1", rollout, "", withUser(0))
	elastic := custom("Search", "find", nil, nil)
	findSet := statefulSet("find-data", "find-data-1", withUser(0))
	findSet.OwnerReferences = []metav1.OwnerReference{refTo(&elastic)}
	circleA := custom("Ring", "a", nil, nil)
	circleB := custom("Ring", "b", circleA, nil)
	circleA.Meta.OwnerReferences = []metav1.OwnerReference{refTo(&circleB)}
	self := custom("Ring", "self", nil, nil)
	self.Meta.OwnerReferences = []metav1.OwnerReference{refTo(&self)}
	copied := replicaSet("copied", nil, "", withUser(0))
	copied.UID = alone.UID
	tests := []struct {
		name string
		src  []any
		want string
	}{
		{"nobody", []any{pod("solo", withUser(0))}, `Pod/solo app: fail high declared 1/1 solo`},
		{
			"ReplicaSet to Deployment",
			[]any{cart, cartNew, cartOld, pod("a", withUser(0), ownedBy(cartNew)), pod("b", withUser(0), ownedBy(cartNew))},
			`Deployment/cart app: fail high declared 2/2 a,b`,
		},
		{
			"a ReplicaSet of which only the owner is told",
			[]any{cart, bareOf(cartNew), pod("a", withUser(0), ownedBy(cartNew))},
			`Deployment/cart app: fail high declared 1/1 a`,
		},
		{
			"ReplicaSet alone",
			[]any{alone, pod("a", withUser(0), ownedBy(alone))},
			`ReplicaSet/alone app: fail high declared 1/1 a`,
		},
		{
			"Job to CronJob",
			[]any{night, nightRun, pod("a", withUser(0), ownedBy(nightRun))},
			`CronJob/night app: fail high declared 1/1 a`,
		},
		{
			"a custom resource above a ReplicaSet",
			[]any{rollout, frontSet, pod("a", withUser(0), ownedBy(frontSet))},
			`Rollout/front app: fail high declared 1/1 a`,
		},
		{
			"a custom resource that the source can't read",
			[]any{frontSet, pod("a", withUser(0), ownedBy(frontSet))},
			`Rollout/front app: fail high declared 1/1 a`,
		},
		{
			"a custom resource without a template above a StatefulSet",
			[]any{elastic, findSet, pod("a", withUser(0), ownedBy(findSet))},
			`Search/find app: fail high declared 1/1 a`,
		},
		{
			"owners that can't be read",
			[]any{pod("a", withUser(0), ownedBy(cartNew)), pod("b", withUser(0), ownedBy(cartNew))},
			`ReplicaSet/cart-2 app: fail high declared 2/2 a,b`,
		},
		{
			"ReplicaSets that can't be read",
			[]any{cart, pod("a", withUser(0), ownedBy(cartNew))},
			`Deployment/cart app: fail high declared 0/0
			ReplicaSet/cart-2 app: fail high declared 1/1 a`,
		},
		{
			"Deployments that can't be read",
			[]any{cartNew, cartOld, pod("a", withUser(0), ownedBy(cartNew))},
			`Deployment/cart app: fail high declared 1/1 a`,
		},
		{
			"a Deployment of which only the name is known",
			[]any{bareOf(cart), cartNew},
			`Deployment/cart app: fail high declared 0/0`,
		},
		{
			"owners that were copied with their UID",
			[]any{alone, copied, pod("a", withUser(0), ownedBy(alone)), pod("b", withUser(0), ownedBy(copied))},
			`ReplicaSet/alone app: fail high declared 1/1 a
			ReplicaSet/copied app: fail high declared 1/1 b`,
		},
		{
			"owners in a circle",
			[]any{circleA, circleB, pod("a", withUser(0), ownedBy(circleA)), pod("b", withUser(0), ownedBy(circleB))},
			`Ring/a app: fail high declared 1/1 a
			Ring/b app: fail high declared 1/1 b`,
		},
		{
			"an owner of itself",
			[]any{self, pod("a", withUser(0), ownedBy(self))},
			`Ring/self app: fail high declared 1/1 a`,
		},
		{
			"a mirror pod is its node's only in name",
			[]any{pod("etcd-n1", withUser(0), func(p *corev1.Pod) {
				p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "n", Controller: new(true)}}
			})},
			`Pod/etcd-n1 app: fail high declared 1/1 etcd-n1`,
		},
		{
			"an owner that does not control",
			[]any{cart, pod("a", withUser(0), ownedBy(cart), func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil })},
			`Deployment/cart app: fail high declared 0/0
			Pod/a app: fail high declared 1/1 a`,
		},
		{
			"references without a UID stay apart by name",
			[]any{pod("a", withUser(0), ownedBy(cartNew), noOwnerUID), pod("b", withUser(0), ownedBy(alone), noOwnerUID)},
			`ReplicaSet/alone app: fail high declared 1/1 b
			ReplicaSet/cart-2 app: fail high declared 1/1 a`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shuffled(tt.src, func(src []any) {
				got, _ := scanned(t, only(t, "run-as-root"), src...)
				for _, f := range got {
					f.PodNames = sorted(f.PodNames)
				}
				same(t, brief(got), tt.want)
				if t.Failed() {
					t.FailNow()
				}
			})
		})
	}
}

func noOwnerUID(p *corev1.Pod) { p.OwnerReferences[0].UID = "" }

// bareOf is an object without its template: the source only tells whose it is.
func bareOf(x any) source.Object {
	o := object(x)
	o.Spec, o.PodMeta = nil, nil
	return o
}

func TestAnOperatorsObjectWithATemplateDoesNotHideItsChildren(t *testing.T) {
	// The operator adds a container to what it was given.
	parent := custom("Service", "front", nil, new(podTemplate(withUser(10001))))
	child := deployment("front-main", "1", withUser(10001), withContainer("added"))
	child.OwnerReferences = []metav1.OwnerReference{refTo(&parent)}
	got, _ := scanned(t, only(t, "run-as-root"), parent, child)
	same(t, brief(got), `Service/front added: fail medium declared 0/0`)
	same(t, grounds(got[0]), `
		declared spec.template.spec.containers[1].securityContext.runAsNonRoot=unset of Deployment/front-main
		declared spec.template.spec.containers[1].securityContext.runAsUser=unset of Deployment/front-main`)
}

func TestSameNamesInFilesStayApart(t *testing.T) {
	bare := func(uid int64) *corev1.Pod {
		p := pod("cart", withUser(uid))
		p.UID = ""
		return p
	}
	d := func(uid int64) *appsv1.Deployment {
		d := deployment("cart", "", withUser(uid))
		d.UID = ""
		return d
	}
	tests := []struct {
		name string
		src  []any
		want string
	}{
		{"pods", []any{file(bare(0), "a.yaml"), file(bare(10001), "b.yaml"), file(bare(0), "c.yaml")}, `
			Pod/cart app: fail high declared 1/1 cart
			Pod/cart app: fail high declared 1/1 cart`},
		{"deployments", []any{file(d(10001), "a.yaml"), file(d(0), "b.yaml"), file(d(0), "c.yaml")}, `
			Deployment/cart app: fail high declared 0/0
			Deployment/cart app: fail high declared 0/0`},
		{"pods that were copied with their UID", []any{pod("a", withUser(0)), pod("b", withUser(0), func(p *corev1.Pod) { p.UID = "uid of pod a" })}, `
			Pod/a app: fail high declared 1/1 a
			Pod/b app: fail high declared 1/1 b`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, report := scanned(t, only(t, "run-as-root"), tt.src...)
			same(t, brief(got), tt.want)
			if report.Summary.Workloads != len(tt.src) {
				t.Errorf("%d workloads of %d", report.Summary.Workloads, len(tt.src))
			}
		})
	}
	got, _ := scanned(t, only(t, "run-as-root"), tests[1].src...)
	want := finding.Location{File: "b.yaml", Line: 6, Column: 1}
	if *got[0].Location != want {
		t.Errorf("the first is at %s, not %s", got[0].Location, want)
	}
}

func TestAnObjectInAFileMayHaveOnlyTheBeginningOfAName(t *testing.T) {
	j := job("", nil, withUser(0))
	j.UID, j.GenerateName = "", "migrate-"
	p := pod("", withUser(0))
	p.UID, p.GenerateName = "", "probe-"
	got, _ := scanned(t, only(t, "run-as-root"), file(j, "a.yaml"), file(p, "b.yaml"))
	same(t, brief(got), `
		Job/migrate- app: fail high declared 0/0
		Pod/probe- app: fail high declared 1/1 probe-`)
}

func TestTheWorseOfTwoContainersWithOneNameStands(t *testing.T) {
	for _, order := range [][2]int64{{10001, 0}, {0, 10001}} {
		d := deployment("cart", "", withUser(order[0]))
		d.UID = ""
		twin := d.Spec.Template.Spec.Containers[0]
		twin.SecurityContext = &corev1.SecurityContext{RunAsUser: new(order[1])}
		d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, twin)
		got, report := scanned(t, only(t, "run-as-root"), file(d, "a.yaml"))
		same(t, brief(got), "Deployment/cart app: fail high declared 0/0")
		if n := report.Summary.Containers; n != 2 {
			t.Errorf("%d containers", n)
		}
	}
}

func TestPodsOfARolloutThatBeganMeanwhileAreNotCalledOlder(t *testing.T) {
	cart := deployment("cart", "2", withUser(10001))
	for revision, older := range map[string]bool{"1": true, "3": false, "x": false} {
		set := replicaSet("cart-"+revision, cart, revision)
		got, _ := scanned(t, only(t, "run-as-root"), cart, set, pod("a", ownedBy(set), withUser(0)))
		same(t, brief(got), "Deployment/cart app: fail high declared 1/1 a")
		if says := strings.Contains(got[0].Message, "these pods are of another revision"); says != older {
			t.Errorf("revision %s: %s", revision, got[0].Message)
		}
	}
}
