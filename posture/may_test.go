package posture

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
)

// The template of every workload here leaves the user to the image, unless the
// case says otherwise.
func TestMayIsClearedOnlyByTheCurrentTemplate(t *testing.T) {
	cart := deployment("cart", "2")
	cartNew, cartOld := replicaSet("cart-2", cart, "2"), replicaSet("cart-1", cart, "1")
	unsettled := deployment("cart", "2")
	unsettled.Status.ObservedGeneration = 2
	unnumbered := deployment("cart", "")
	data := statefulSet("data", "data-2")
	dataUnsettled := statefulSet("data", "data-2")
	dataUnsettled.Status.ObservedGeneration = 2
	dataFresh := statefulSet("data", "")
	agent, agentRolling := daemonSet("agent", 3, 3), daemonSet("agent", 3, 2)
	agentMisplaced := daemonSet("agent", 3, 3)
	agentMisplaced.Status.NumberMisscheduled = 1
	once := job("once", nil)
	night := cronJob("night")
	nightRun := job("night-1", night)
	nightOther := cronJob("night", withImage("registry.example/shop/cart:2"))
	alone := replicaSet("alone", nil, "")
	rc := &corev1.ReplicationController{ObjectMeta: named("ReplicationController", "rc", nil)}
	rc.Spec.Template = new(podTemplate())
	rollout := custom("Rollout", "front", nil, new(podTemplate()))
	frontSet := replicaSet("front-1", rollout, "")
	kruise := statefulSet("data", "data-2")
	kruiseObject := object(kruise)
	kruiseObject.APIVersion = "apps.example.dev/v1"
	tests := []struct {
		name string
		src  []any
		want string
	}{
		{"no pods", []any{cart}, `Deployment/cart app: fail medium declared 0/0`},
		{"a pod that reports nothing", []any{cart, cartNew, pod("a", ownedBy(cartNew))}, `Deployment/cart app: fail medium declared 1/1 a`},
		{"Deployment: a current pod", []any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001))}, `Deployment/cart app: pass reported 1/1 a`},
		{
			"Deployment: one reports, the others have not started yet",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartNew))},
			`Deployment/cart app: pass reported 2/2 a,b`,
		},
		{"Deployment: an old pod", []any{cart, cartNew, cartOld, pod("a", ownedBy(cartOld), reports(10001))}, `Deployment/cart app: fail medium declared 0/1`},
		{
			"Deployment: old pods report, new ones don't yet",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartOld), reports(10001)), pod("b", ownedBy(cartNew))},
			`Deployment/cart app: fail medium declared 1/2 b`,
		},
		{
			"Deployment: new pods report, old ones don't",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartOld))},
			`Deployment/cart app: fail medium declared 1/2 b`,
		},
		{"Deployment: not settled", []any{unsettled, cartNew, pod("a", ownedBy(cartNew), reports(10001))}, `Deployment/cart app: fail medium declared 0/1`},
		{"Deployment: no revision", []any{unnumbered, cartNew, pod("a", ownedBy(cartNew), reports(10001))}, `Deployment/cart app: fail medium declared 0/1`},
		{
			"Deployment: ReplicaSet without a revision", []any{cart, replicaSet("cart-2", cart, ""), pod("a", ownedBy(cartNew), reports(10001))},
			`Deployment/cart app: fail medium declared 0/1`,
		},
		{
			"Deployment: ReplicaSets that can't be read", []any{cart, pod("a", ownedBy(cartNew), reports(10001))},
			`Deployment/cart app: fail medium declared 0/0
			ReplicaSet/cart-2 app: pass reported 1/1 a`,
		},
		{
			"Deployment: a user set by admission",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), withUser(10001), reports(10001))},
			`Deployment/cart app: pass reported 1/1 a`,
		},
		{
			"Deployment: a user set by admission, not reported",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), withUser(10001))},
			`Deployment/cart app: fail medium declared 0/1`,
		},
		{
			"one of two reports 0", []any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartNew), reports(0))},
			`Deployment/cart app: fail high reported 1/2 b`,
		},
		{
			"an old pod reports 0", []any{cart, cartNew, cartOld, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartOld), reports(0))},
			`Deployment/cart app: fail high reported 1/2 b`,
		},
		{
			"they disagree, and one reports nothing",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartNew), reports(0)), pod("c", ownedBy(cartNew))},
			`Deployment/cart app: fail high reported 2/3 b,c`,
		},
		{
			"one reports 0, another nothing", []any{cart, cartNew, pod("a", ownedBy(cartNew), reports(0)), pod("b", ownedBy(cartNew))},
			`Deployment/cart app: fail high reported 2/2 a,b`,
		},
		{
			"one pod has a user of its own, another leaves it open",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), withUser(10001), reports(10001)), pod("b", ownedBy(cartNew))},
			`Deployment/cart app: fail medium declared 1/2 b`,
		},
		{
			"Deployment: no revision anywhere", []any{unnumbered, replicaSet("cart-2", cart, ""), pod("a", ownedBy(cartNew), reports(10001))},
			`Deployment/cart app: fail medium declared 0/1`,
		},
		{
			"an old pod reports 0, which was less of a matter then",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartOld), ownUsers, reports(0))},
			`Deployment/cart app: fail medium declared 1/2 b`,
		},
		{"StatefulSet: a current pod", []any{data, pod("a", ownedBy(data), hash("data-2"), reports(10001))}, `StatefulSet/data app: pass reported 1/1 a`},
		{"StatefulSet: an old pod", []any{data, pod("a", ownedBy(data), hash("data-1"), reports(10001))}, `StatefulSet/data app: fail medium declared 0/1`},
		{"StatefulSet: a pod without the label", []any{data, pod("a", ownedBy(data), reports(10001))}, `StatefulSet/data app: fail medium declared 0/1`},
		{"StatefulSet: not settled", []any{dataUnsettled, pod("a", ownedBy(data), hash("data-2"), reports(10001))}, `StatefulSet/data app: fail medium declared 0/1`},
		{"StatefulSet: no revision yet", []any{dataFresh, pod("a", ownedBy(data), reports(10001))}, `StatefulSet/data app: fail medium declared 0/1`},
		{
			"StatefulSet: old pods don't stand for new ones",
			[]any{data, pod("a", ownedBy(data), hash("data-1"), reports(10001)), pod("b", ownedBy(data), hash("data-2"))},
			`StatefulSet/data app: fail medium declared 1/2 b`,
		},
		{
			"another kind of StatefulSet goes by the image", []any{kruiseObject, pod("a", ownedBy(kruiseObject), hash("x"), reports(10001))},
			`StatefulSet/data app: pass reported 1/1 a`,
		},
		{"DaemonSet: rolled out", []any{agent, pod("a", ownedBy(agent), hash("x"), reports(10001))}, `DaemonSet/agent app: pass reported 1/1 a`},
		{"DaemonSet: rolling out", []any{agentRolling, pod("a", ownedBy(agent), hash("x"), reports(10001))}, `DaemonSet/agent app: fail medium declared 0/1`},
		{"DaemonSet: a pod where none should be", []any{agentMisplaced, pod("a", ownedBy(agent), hash("x"), reports(10001))}, `DaemonSet/agent app: fail medium declared 0/1`},
		{"Job", []any{once, pod("a", ownedBy(once), reports(10001))}, `Job/once app: pass reported 1/1 a`},
		{"CronJob: the same image", []any{night, nightRun, pod("a", ownedBy(nightRun), reports(10001))}, `CronJob/night app: pass reported 1/1 a`},
		{"CronJob: another image", []any{nightOther, nightRun, pod("a", ownedBy(nightRun), reports(10001))}, `CronJob/night app: fail medium declared 0/1`},
		{
			"CronJob: the same image, but the pod had a user", []any{night, nightRun, pod("a", ownedBy(nightRun), withUser(10001), reports(10001))},
			`CronJob/night app: fail medium declared 0/1`,
		},
		{"ReplicaSet alone", []any{alone, pod("a", ownedBy(alone), reports(10001))}, `ReplicaSet/alone app: pass reported 1/1 a`},
		{
			"ReplicaSet alone, edited since", []any{alone, pod("a", ownedBy(alone), withImage("registry.example/shop/cart:1"), reports(10001))},
			`ReplicaSet/alone app: fail medium declared 0/1`,
		},
		{"ReplicationController", []any{rc, pod("a", ownedBy(rc), reports(10001))}, `ReplicationController/rc app: pass reported 1/1 a`},
		{
			"ReplicationController: images don't stand for each other",
			[]any{rc, pod("a", ownedBy(rc), reports(10001)), pod("b", ownedBy(rc), withImage("registry.example/shop/cart:1"))},
			`ReplicationController/rc app: fail medium declared 1/2 b`,
		},
		{"a custom resource", []any{rollout, frontSet, pod("a", ownedBy(frontSet), reports(10001))}, `Rollout/front app: pass reported 1/1 a`},
		{"a bare pod", []any{pod("a", reports(10001)), pod("b"), pod("c", reports(0))}, `
			Pod/a app: pass reported 1/1 a
			Pod/b app: fail medium declared 1/1 b
			Pod/c app: fail high reported 1/1 c`},
		{
			"what is declared for certain is not cleared",
			[]any{deployment("cart", "2", withUser(0)), cartNew, pod("a", ownedBy(cartNew), withUser(0), reports(10001))},
			`Deployment/cart app: fail high declared 0/1`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shuffled(tt.src, func(src []any) {
				o := only(t, "run-as-root")
				o.Statuses = everyStatus
				got, _ := scanned(t, o, src...)
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

func TestOneOfSeveralObjectsDoesNotClearAnother(t *testing.T) {
	// An operator's object owns two Deployments whose containers have one name.
	parent := custom("Shop", "front", nil, nil)
	a, b := deployment("a", "1"), deployment("b", "1")
	a.OwnerReferences = []metav1.OwnerReference{refTo(&parent)}
	b.OwnerReferences = a.OwnerReferences
	setA := replicaSet("a-1", a, "1")
	shuffled([]any{parent, a, b, setA, pod("a-x", ownedBy(setA), reports(10001))}, func(src []any) {
		got, _ := scanned(t, only(t, "run-as-root"), src...)
		same(t, brief(got), `Shop/front app: fail medium declared 0/1`)
		same(t, grounds(got[0]), `
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset of Deployment/b
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset of Deployment/b
			reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a-x in 1`)
	})
}

func TestOneOfSeveralObjectsIsClearedInSpiteOfAnother(t *testing.T) {
	parent := custom("Shop", "front", nil, nil)
	a, b := deployment("a", "1"), deployment("b", "1", ownUsers)
	a.OwnerReferences = []metav1.OwnerReference{refTo(&parent)}
	b.OwnerReferences = a.OwnerReferences
	setA, setB := replicaSet("a-1", a, "1"), replicaSet("b-1", b, "1", ownUsers)
	got, _ := scanned(t, only(t, "run-as-root"), parent, a, b, setA, setB,
		pod("a-x", ownedBy(setA), reports(10001)), pod("b-x", ownedBy(setB), ownUsers, reports(0)))
	same(t, brief(got), `Shop/front app: fail low reported 1/2 b-x`)
}

func ownUsers(p *corev1.Pod) { p.Spec.HostUsers = new(false) }

func TestWeakerRungsStayVisible(t *testing.T) {
	cart := deployment("cart", "2")
	cartNew, cartOld := replicaSet("cart-2", cart, "2"), replicaSet("cart-1", cart, "1")
	fixed := deployment("cart", "2", withUser(10001))
	tests := []struct {
		name        string
		src         []any
		want, words string
	}{
		{
			"0 and others",
			[]any{
				cart, cartNew, pod("a", ownedBy(cartNew), reports(10001)), pod("b", ownedBy(cartNew), reports(0)),
				pod("c", ownedBy(cartNew), reports(0)), pod("d", ownedBy(cartNew), reports(10002)), pod("e", ownedBy(cartNew)),
			},
			`reported status.containerStatuses[0].user.linux.uid=0 of Pod/b in 2
			reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a in 1
			reported status.containerStatuses[0].user.linux.uid=10002 of Pod/d in 1
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset`,
			"Runs as root: the spec leaves it to the image, and the kubelet reports uid 0.",
		},
		{
			"0 in two ReplicaSets",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartNew), reports(0)), pod("b", ownedBy(cartOld), reports(0))},
			`reported status.containerStatuses[0].user.linux.uid=0 of Pod/a in 2
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset`,
			"Runs as root: the spec leaves it to the image, and the kubelet reports uid 0.",
		},
		{
			"cleared",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001))},
			`reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a in 1
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset`,
			"Does not run as root: the kubelet reports uid 10001.",
		},
		{
			"cleared by a user that admission set",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), withUser(10001), reports(10001))},
			`reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a in 1
			declared spec.containers[0].securityContext.runAsUser=10001 of Pod/a
			declared spec.containers[0].securityContext.runAsNonRoot=unset of Pod/a
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset`,
			"Does not run as root: the kubelet reports uid 10001.",
		},
		{
			"current pods that are worse than their template",
			[]any{fixed, cartNew, pod("a", ownedBy(cartNew), withUser(10001), reports(0))},
			`reported status.containerStatuses[0].user.linux.uid=0 of Pod/a in 1
			declared spec.template.spec.containers[0].securityContext.runAsUser=10001
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset`,
			"Runs as root: the kubelet reports uid 0, although runAsUser is 10001.",
		},
		{
			"not cleared by old pods",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartOld), reports(10001))},
			`declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset
			reported status.containerStatuses[0].user.linux.uid=10001 of Pod/a in 1`,
			"May run as root: neither runAsUser nor runAsNonRoot is set, so the image decides.",
		},
		{
			"a rollout that repairs it",
			[]any{fixed, cartNew, cartOld, pod("old", ownedBy(cartOld), withUser(0)), pod("new", ownedBy(cartNew), withUser(10001))},
			`declared spec.containers[0].securityContext.runAsUser=0 of Pod/old
			declared spec.containers[0].securityContext.runAsNonRoot=unset of Pod/old`,
			"Runs as root: runAsUser is 0. The template of Deployment/cart is in order: these pods are of another revision.",
		},
		{
			"old pods are worse than the template, which is not good either",
			[]any{cart, cartNew, cartOld, pod("old", ownedBy(cartOld), withUser(0))},
			`declared spec.containers[0].securityContext.runAsUser=0 of Pod/old
			declared spec.containers[0].securityContext.runAsNonRoot=unset of Pod/old
			declared spec.template.spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.template.spec.containers[0].securityContext.runAsUser=unset`,
			"Runs as root: runAsUser is 0.",
		},
		{
			"a bare pod's fields are its own",
			[]any{pod("a", reports(0))},
			`reported status.containerStatuses[0].user.linux.uid=0 in 1
			declared spec.containers[0].securityContext.runAsNonRoot=unset
			declared spec.containers[0].securityContext.runAsUser=unset`,
			"Runs as root: the spec leaves it to the image, and the kubelet reports uid 0.",
		},
		{
			"no template is known",
			[]any{pod("a", ownedBy(cartNew), reports(0))},
			`reported status.containerStatuses[0].user.linux.uid=0 of Pod/a in 1
			declared spec.containers[0].securityContext.runAsNonRoot=unset of Pod/a
			declared spec.containers[0].securityContext.runAsUser=unset of Pod/a`,
			"Runs as root: the spec leaves it to the image, and the kubelet reports uid 0.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := only(t, "run-as-root")
			o.Statuses = everyStatus
			got, _ := scanned(t, o, tt.src...)
			if len(got) != 1 {
				t.Fatalf("%d findings:\n%s", len(got), brief(got))
			}
			same(t, grounds(got[0]), tt.want)
			if got[0].Message != tt.words {
				t.Errorf("it says %q, want %q", got[0].Message, tt.words)
			}
			if got[0].Basis[0].Evidence != got[0].Evidence {
				t.Error("the basis does not begin with the evidence that carries the verdict")
			}
		})
	}
}

func TestRungsInFilesHaveThePlaceOfWhatAPersonEdits(t *testing.T) {
	cart := deployment("cart", "2")
	set := replicaSet("cart-2", cart, "2")
	d, p := file(cart, "deployments.yaml"), file(pod("a", ownedBy(set), reports(0)), "pods.yaml")
	old := file(pod("old", ownedBy(set), withUser(0)), "pods.yaml")
	got, _ := scanned(t, only(t, "run-as-root"), d, set, p)
	if got[0].Location.File != "deployments.yaml" {
		t.Errorf("the finding is at %s", got[0].Location)
	}
	got, _ = scanned(t, only(t, "run-as-root"), d, set, old)
	if got[0].Location.File != "pods.yaml" {
		t.Errorf("the finding, which is about something that only a pod declares, is at %s", got[0].Location)
	}
}

func TestManyUsersAreCountedWithinBounds(t *testing.T) {
	cart := deployment("cart", "2")
	set := replicaSet("cart-2", cart, "2")
	src := []any{cart, set}
	const pods = 100
	for i := range pods {
		src = append(src, pod("p"+strings.Repeat("x", i), ownedBy(set), reports(int64(10000+i%50))))
	}
	o := only(t, "run-as-root")
	o.Statuses = everyStatus
	got, _ := scanned(t, o, src...)
	if len(got) != 1 || got[0].Status != finding.Pass || got[0].Pods != pods || len(got[0].PodNames) != namesKept {
		t.Fatalf("got\n%s", brief(got))
	}
	reported := 0
	for _, b := range got[0].Basis {
		if b.Evidence == finding.Reported {
			if reported++; b.Pods != pods/50 {
				t.Errorf("%s is counted %d times", b.Value, b.Pods)
			}
		}
	}
	if reported != talliesKept {
		t.Errorf("%d of the users are listed, the bound is %d", reported, talliesKept)
	}
	o.PerPod = true
	got, _ = scanned(t, o, src...)
	for _, f := range got {
		if f.Basis[0].Evidence != finding.Reported {
			t.Errorf("%v: the report is lost", f.PodNames)
		}
	}
}
