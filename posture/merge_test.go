package posture

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
)

func TestContainersThatTheTemplateDoesNotHave(t *testing.T) {
	cart := deployment("cart", "2", withUser(10001))
	cartNew, cartOld := replicaSet("cart-2", cart, "2", withUser(10001)), replicaSet("cart-1", cart, "1", withUser(10001))
	unsettled := deployment("cart", "2", withUser(10001))
	unsettled.Status.ObservedGeneration = 2
	alone := replicaSet("alone", nil, "", withUser(10001))
	extra := []mod{withUser(10001), withContainer("mesh")}
	p := func(name string, owner any, mods ...mod) *corev1.Pod {
		return pod(name, append(mods, ownedBy(owner))...)
	}
	volume := func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "models", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "models"}}}}
	}
	debug := func(p *corev1.Pod) {
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "busybox"}}}
	}
	const may = "May run as root: neither runAsUser nor runAsNonRoot is set, so the image decides."
	tests := []struct {
		name        string
		check       string
		src         []any
		want, words string
	}{
		{
			"injected into current pods", "run-as-root", []any{cart, cartNew, p("a", cartNew, extra...), p("b", cartNew, extra...)},
			`Deployment/cart mesh: fail medium declared 2/2 a,b injected`,
			may + " The template of Deployment/cart does not have this container: something adds it to the pods.",
		},
		{
			"injected into some", "run-as-root", []any{cart, cartNew, p("a", cartNew, extra...), p("b", cartNew, withUser(10001))},
			`Deployment/cart mesh: fail medium declared 1/2 a injected`,
			may + " The template of Deployment/cart does not have this container: something adds it to the pods.",
		},
		{
			"removed from the template", "run-as-root", []any{cart, cartNew, cartOld, p("a", cartOld, extra...), p("b", cartNew, withUser(10001))},
			`Deployment/cart mesh: fail medium declared 1/2 a`,
			may + " The template of Deployment/cart no longer has this container: only older pods do.",
		},
		{
			"injected into new and old", "run-as-root", []any{cart, cartNew, cartOld, p("a", cartOld, extra...), p("b", cartNew, extra...)},
			`Deployment/cart mesh: fail medium declared 2/2 a,b injected`,
			may + " The template of Deployment/cart does not have this container: something adds it to the pods.",
		},
		{
			"nobody knows which template the pods have", "run-as-root", []any{unsettled, cartNew, p("a", cartNew, extra...)},
			`Deployment/cart mesh: fail medium declared 1/1 a injected`,
			may + " The template of Deployment/cart does not have this container: something adds it to the pods, or the pods are older than the template.",
		},
		{
			"a ReplicaSet's pods may be older", "run-as-root", []any{alone, p("a", alone, extra...)},
			`ReplicaSet/alone mesh: fail medium declared 1/1 a injected`,
			may + " The template of ReplicaSet/alone does not have this container: something adds it to the pods, or the pods are older than the template.",
		},
		{
			"no template is known", "run-as-root", []any{p("a", cartNew, extra...)},
			`ReplicaSet/cart-2 mesh: fail medium declared 1/1 a`, may,
		},
		{
			"no template can have ephemeral containers", "run-as-root", []any{cart, cartNew, p("a", cartNew, withUser(10001), debug)},
			`Deployment/cart debug: fail medium declared 1/1 a`, may,
		},
		{
			"a bare pod", "run-as-root", []any{pod("a", extra...)},
			`Pod/a mesh: fail medium declared 1/1 a`, may,
		},
		{
			"an image volume", "image-latest-tag", []any{cart, cartNew, p("a", cartNew, withUser(10001), volume)},
			`Deployment/cart models: fail medium declared 1/1 a injected`,
			`models has no tag and no digest. That means the tag "latest": whatever was pushed last. ` +
				"pullPolicy is not set, which means Always here: every start can bring in another one. " +
				"The template of Deployment/cart does not have this volume: something adds it to the pods.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, perPod := range []bool{false, true} {
				o := only(t, tt.check)
				o.PerPod = perPod
				got, _ := scanned(t, o, tt.src...)
				if perPod {
					for _, f := range got {
						if f.Pods != 1 || len(f.PodNames) != 1 {
							t.Errorf("%d pods, named %v", f.Pods, f.PodNames)
						}
					}
					continue
				}
				same(t, brief(got), tt.want)
				if len(got) == 1 && got[0].Message != tt.words {
					t.Errorf("it says\n%s\nwant\n%s", got[0].Message, tt.words)
				}
			}
		})
	}
}

func TestInjectedIntoOneOfSeveralObjects(t *testing.T) {
	parent := custom("Shop", "front", nil, nil)
	a, b := deployment("a", "1", withUser(1)), deployment("b", "1", withUser(1))
	a.OwnerReferences = []metav1.OwnerReference{refTo(&parent)}
	b.OwnerReferences = a.OwnerReferences
	setA, setB := replicaSet("a-1", a, "1"), replicaSet("b-1", b, "1")
	inA := []any{parent, a, b, setA, setB, pod("a-x", ownedBy(setA), withUser(1), withContainer("mesh"))}
	shuffled(inA, func(src []any) {
		got, _ := scanned(t, only(t, "run-as-root"), src...)
		same(t, brief(got), `Shop/front mesh: fail medium declared 1/1 a-x injected`)
	})
	got, _ := scanned(t, only(t, "run-as-root"), append(inA, pod("b-x", ownedBy(setB), withUser(1)))...)
	same(t, brief(got), `Shop/front mesh: fail medium declared 1/2 a-x injected`)
}

func TestATypeOfContainerIsAThingOfItsOwn(t *testing.T) {
	both := func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: "app", Image: pinned}, {Name: "side", Image: pinned, RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}}
	}
	got, _ := scanned(t, only(t, "run-as-root"), pod("a", both))
	var types []finding.ContainerType
	prints := map[string]bool{}
	for _, f := range got {
		types = append(types, f.ContainerType)
		prints[f.Fingerprint] = true
	}
	if fmt.Sprint(types) != "[initContainer sidecarContainer container]" || len(prints) != 3 {
		t.Errorf("the types are %v, with %d fingerprints", types, len(prints))
	}
}

func TestImagesOfAFinding(t *testing.T) {
	cart := deployment("cart", "2", withImage("registry.example/cart:2"))
	cartNew, cartOld := replicaSet("cart-2", cart, "2"), replicaSet("cart-1", cart, "1")
	broken := deployment("cart", "2", withImage("Broken"))
	tests := []struct {
		name               string
		src                []any
		want, image, basis string
	}{
		{
			"an old pod's", []any{cart, cartNew, cartOld, pod("new", ownedBy(cartNew), withImage("registry.example/cart:2")), pod("old", ownedBy(cartOld), withImage("cart"))},
			`Deployment/cart app: fail medium declared 1/2 old`, "cart", `declared spec.containers[0].image=cart of Pod/old`,
		},
		{
			"the template's, where both fail", []any{deployment("cart", "2", withImage("cart")), cartOld, pod("old", ownedBy(cartOld), withImage("cart:latest"))},
			`Deployment/cart app: fail medium declared 1/1 old`, "cart", `declared spec.template.spec.containers[0].image=cart`,
		},
		{
			"an old pod's, beside a template that can't be judged", []any{broken, cartNew, cartOld, pod("old", ownedBy(cartOld), withImage("cart"))},
			`Deployment/cart app: fail medium declared 1/1 old`, "cart", `declared spec.containers[0].image=cart of Pod/old`,
		},
		{
			"a template that can't be judged", []any{broken, cartOld, pod("old", ownedBy(cartOld), withImage("cart:1"))},
			`Deployment/cart app: error declared 0/1`, "Broken", `declared spec.template.spec.containers[0].image=Broken`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := scanned(t, only(t, "image-latest-tag"), tt.src...)
			same(t, brief(got), tt.want)
			same(t, grounds(got[0]), tt.basis)
			if got[0].Image != tt.image {
				t.Errorf("the image is %s, want %s", got[0].Image, tt.image)
			}
		})
	}
}

func TestPerPod(t *testing.T) {
	cart := deployment("cart", "2")
	cartNew, cartOld := replicaSet("cart-2", cart, "2"), replicaSet("cart-1", cart, "1")
	tests := []struct {
		name string
		src  []any
		want string
	}{
		{
			"each by its own evidence",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), reports(0)), pod("b", ownedBy(cartNew), reports(10001)), pod("c", ownedBy(cartNew))},
			`Deployment/cart app: fail high reported 1/3 a
			Deployment/cart app: pass reported 1/3 b
			Deployment/cart app: fail medium declared 1/3 c`,
		},
		{"no pods", []any{cart}, `Deployment/cart app: fail medium declared 0/0`},
		{
			"a template that is worse than the pods",
			[]any{cart, cartNew, cartOld, pod("a", ownedBy(cartOld), withUser(10001))},
			`Deployment/cart app: pass declared 1/1 a
			Deployment/cart app: fail medium declared 0/1`,
		},
		{
			"a template that pods clear",
			[]any{cart, cartNew, pod("a", ownedBy(cartNew), reports(10001))},
			`Deployment/cart app: pass reported 1/1 a`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := only(t, "run-as-root")
			o.PerPod, o.Statuses = true, everyStatus
			got, _ := scanned(t, o, tt.src...)
			same(t, brief(got), tt.want)
			for _, f := range got {
				if f.Message == "" || len(f.Basis) == 0 {
					t.Errorf("a finding without message or basis: %+v", f)
				}
			}
		})
	}
}

func TestCounts(t *testing.T) {
	cart := deployment("cart", "2")
	set := replicaSet("cart-2", cart, "2")
	src := []any{cart, set}
	for i := range 12 {
		mods := []mod{ownedBy(set), withContainer("second")}
		if i < 9 {
			mods = append(mods, withUser(0))
		}
		src = append(src, pod(fmt.Sprintf("cart-%02d", i), mods...))
	}
	got, report := scanned(t, only(t, "run-as-root"), src...)
	same(t, brief(got), `
		Deployment/cart app: fail high declared 12/12 cart-00,cart-01,cart-02,cart-03,cart-04
		Deployment/cart second: fail medium declared 12/12 cart-00,cart-01,cart-02,cart-03,cart-04 injected`)
	s := report.Summary
	if s.Objects != 14 || s.Pods != 12 || s.Workloads != 1 || s.Containers != 24 || s.Namespaces != 1 {
		t.Errorf("%d objects, %d pods, %d workloads, %d containers, %d namespaces", s.Objects, s.Pods, s.Workloads, s.Containers, s.Namespaces)
	}
	_, report = scanned(t, Options{}, deployment("cart", "2", withContainer("second")))
	if s := report.Summary; s.Pods != 0 || s.Containers != 2 {
		t.Errorf("a workload without pods: %d pods, %d containers", s.Pods, s.Containers)
	}
}

func TestFindingsComeInOrder(t *testing.T) {
	src := []any{pod("b", withUser(0)), deployment("z", "1", withUser(0)), pod("a", withUser(0)), deployment("y", "1", withUser(0))}
	other := pod("c", withUser(0))
	other.Namespace = "cafe"
	shuffled(append(src, other), func(src []any) {
		got, _ := scanned(t, only(t, "run-as-root"), src...)
		var names []string
		for _, f := range got {
			names = append(names, f.Workload.Namespace+"/"+f.Workload.String())
		}
		if s := strings.Join(names, " "); s != "cafe/Pod/c shop/Deployment/y shop/Deployment/z shop/Pod/a shop/Pod/b" {
			t.Fatalf("the order is %s", s)
		}
	})
}
