package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/kube"
)

// targets resolves a selection and writes each target as
// "namespace/pod/container workload replicas(pods)", and each line of coverage as "scope state".
func (c *cluster) targets(s Selection) (targets, coverage []string) {
	c.t.Helper()
	all, gaps, err := Resolve(c.t.Context(), c.client, s)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, t := range all {
		targets = append(targets, fmt.Sprintf("%s %s %d(%s)", t, t.Workload, t.Replicas, strings.Join(t.PodNames, " ")))
	}
	for _, g := range gaps {
		coverage = append(coverage, g.Scope+" "+string(g.State))
	}
	return targets, coverage
}

func (c *cluster) wants(s Selection, targets, coverage []string) {
	c.t.Helper()
	gotTargets, gotCoverage := c.targets(s)
	if !slices.Equal(gotTargets, targets) {
		c.t.Errorf("targets:\n  %s\nwant:\n  %s", strings.Join(gotTargets, "\n  "), strings.Join(targets, "\n  "))
	}
	if !slices.Equal(gotCoverage, coverage) {
		c.t.Errorf("coverage:\n  %s\nwant:\n  %s", strings.Join(gotCoverage, "\n  "), strings.Join(coverage, "\n  "))
	}
}

func refs(t *testing.T, names ...string) Selection {
	t.Helper()
	var s Selection
	for _, n := range names {
		ref, err := ParseTarget(n, "shop")
		if err != nil {
			t.Fatal(err)
		}
		s.Targets = append(s.Targets, ref)
	}
	return s
}

// shop is a cluster with a Deployment of three pods, one of which is of an
// older image, a CronJob's pod, and a bare one.
func shop(t *testing.T) *cluster {
	older := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "app@sha256:0" }
	c := newCluster(t,
		with(running("shop/cart-a-1"), ownedBy("ReplicaSet", "cart-a"), older),
		with(running("shop/cart-b-1"), ownedBy("ReplicaSet", "cart-b")),
		with(running("shop/cart-b-2"), ownedBy("ReplicaSet", "cart-b")),
		with(running("shop/night-1-x"), ownedBy("Job", "night-1")),
		running("shop/tool", "one", "two"),
		running("web/front"),
	)
	c.owns("ReplicaSet", "shop/cart-a", "Deployment", "cart")
	c.owns("ReplicaSet", "shop/cart-b", "Deployment", "cart")
	c.owns("Job", "shop/night-1", "CronJob", "night")
	return c
}

func TestResolveNamespaces(t *testing.T) {
	c := shop(t)
	inShop := []string{
		"shop/cart-a-1/app Deployment/cart 1(cart-a-1)",
		"shop/cart-b-1/app Deployment/cart 2(cart-b-1 cart-b-2)",
		"shop/night-1-x/app CronJob/night 1(night-1-x)",
		"shop/tool/one Pod/tool 1(tool)",
		"shop/tool/two Pod/tool 1(tool)",
	}
	front := "web/front/app Pod/front 1(front)"
	spaces := []string{"web", "shop", "web"}
	c.wants(Selection{Namespaces: spaces}, append(slices.Clone(inShop), front), nil)
	if !slices.Equal(spaces, []string{"web", "shop", "web"}) {
		t.Errorf("the caller's list was sorted: %v", spaces)
	}
	if n := c.count("GET /apis/apps/v1/namespaces/shop/replicasets"); n != 1 {
		t.Errorf("%d requests for ReplicaSets, want one list", n)
	}
	c.wants(Selection{}, append(slices.Clone(inShop), front), nil)
	c.wants(Selection{Exclude: []string{"shop"}}, []string{front}, nil)
	if got, _ := c.targets(Selection{Namespaces: []string{"shop"}, AllReplicas: true}); len(got) != 6 {
		t.Errorf("all replicas: %q", got)
	}
}

func TestResolveNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		refs     []string
		targets  []string
		coverage []string
	}{
		"a pod, all of it":   {[]string{"shop/tool"}, []string{"shop/tool/one Pod/tool 1(tool)", "shop/tool/two Pod/tool 1(tool)"}, nil},
		"one container":      {[]string{"tool/two", "shop/tool/two"}, []string{"shop/tool/two Pod/tool 1(tool)"}, []string{"target/tool/two not-found"}},
		"the same twice":     {[]string{"shop/cart-b-1", "pod/cart-b-1", "shop/cart-b-1/app"}, []string{"shop/cart-b-1/app Deployment/cart 1(cart-b-1)"}, nil},
		"two replicas":       {[]string{"shop/cart-b-1", "shop/cart-b-2"}, []string{"shop/cart-b-1/app Deployment/cart 1(cart-b-1)", "shop/cart-b-2/app Deployment/cart 1(cart-b-2)"}, nil},
		"a workload":         {[]string{"deploy/cart"}, []string{"shop/cart-a-1/app Deployment/cart 1(cart-a-1)", "shop/cart-b-1/app Deployment/cart 2(cart-b-1 cart-b-2)"}, nil},
		"a workload twice":   {[]string{"rs/cart-b", "deploy/cart/app"}, []string{"shop/cart-b-1/app Deployment/cart 2(cart-b-1 cart-b-2)", "shop/cart-a-1/app Deployment/cart 1(cart-a-1)"}, nil},
		"a workload and one": {[]string{"rs/cart-b", "shop/cart-b-2"}, []string{"shop/cart-b-2/app Deployment/cart 1(cart-b-2)", "shop/cart-b-1/app Deployment/cart 1(cart-b-1)"}, nil},
		"a Job, a CronJob":   {[]string{"job/night-1", "cj/night"}, []string{"shop/night-1-x/app CronJob/night 1(night-1-x)"}, nil},
		"not there": {[]string{"shop/none", "deploy/none", "shop/tool/none", "deploy/cart/none", "shop/tool/one"},
			[]string{"shop/tool/one Pod/tool 1(tool)"},
			[]string{"target/shop/none not-found", "target/shop/tool/none not-found", "target/shop/deployment/none not-found", "target/shop/deployment/cart/none not-found"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := shop(t)
			c.wants(refs(t, tt.refs...), tt.targets, tt.coverage)
		})
	}
}

func TestResolveSelector(t *testing.T) {
	c := shop(t)
	c.change("cart-b-2", func(p *corev1.Pod) { p.Labels = map[string]string{"canary": "yes"} })
	c.wants(Selection{Selector: "canary"}, []string{"shop/cart-b-2/app Deployment/cart 1(cart-b-2)"}, nil)
	s := refs(t, "deploy/cart")
	s.Selector = "canary"
	c.wants(s, []string{"shop/cart-b-2/app Deployment/cart 1(cart-b-2)"}, nil)
}

// TestResolveNotRunning: what does not run is told of, but for pods that have
// ended for good, unless they are named.
func TestResolveNotRunning(t *testing.T) {
	state := func(s corev1.ContainerState) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = s }
	}
	ended := state(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}})
	phase := func(f corev1.PodPhase) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase = f }
	}
	c := newCluster(t,
		with(running("shop/crashes"), state(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}})),
		with(running("shop/done"), ended, phase(corev1.PodSucceeded), ownedBy("Job", "load")),
		with(running("shop/evicted"), ended, phase(corev1.PodFailed), func(p *corev1.Pod) { p.Status.Reason = "Evicted" }),
		with(running("shop/new"), phase(corev1.PodPending), func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }),
		with(running("shop/windows"), func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }),
	)
	c.owns("Job", "shop/load", "", "")
	c.wants(Selection{}, nil, []string{"target/shop/crashes/app not-running", "target/shop/new/app not-running", "target/shop/windows/app unsupported"})
	c.wants(refs(t, "shop/done", "shop/evicted/app"), nil, []string{"target/shop/done/app not-running", "target/shop/evicted/app not-running"})
	c.wants(refs(t, "job/load"), nil, []string{"target/shop/job/load not-running"})
	_, gaps, err := Resolve(t.Context(), c.client, refs(t, "shop/crashes", "shop/evicted", "shop/new"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"waiting (CrashLoopBackOff)", "ended with exit code 3 (Error); the pod: Evicted", "the pod is Pending"} {
		if !strings.Contains(gaps[i].Detail, want) {
			t.Errorf("%s: want %q", gaps[i].Detail, want)
		}
	}
}

// TestResolveContainers: init containers are done, ephemeral ones are
// somebody's tools, and our own look at others.
func TestResolveContainers(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	up := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	c := newCluster(t, with(running("shop/cart"), func(p *corev1.Pod) {
		for _, name := range []string{"setup", "proxy", "assay-sidecar-app"} {
			init := corev1.Container{Name: name}
			if name != "setup" {
				init.RestartPolicy = &always
			}
			p.Spec.InitContainers = append(p.Spec.InitContainers, init)
			p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{Name: name, ContainerID: "c://" + name, State: up})
		}
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "shell"}}}
		p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: "shell", ContainerID: "c://shell", State: up}}
		p.Spec.Volumes = []corev1.Volume{{Name: "model", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "model:1"}}}}
	}), with(running("assay-system/assay-image-x"), func(p *corev1.Pod) { p.Labels = access.Labels("other") }))
	both := []string{"shop/cart/proxy Pod/cart 1(cart)", "shop/cart/app Pod/cart 1(cart)"}
	c.wants(Selection{}, both, nil)
	c.wants(refs(t, "shop/cart"), both, nil)
	c.wants(refs(t, "shop/cart/shell", "shop/cart/assay-sidecar-app", "assay-system/assay-image-x"), []string{
		"shop/cart/shell Pod/cart 1(cart)", "shop/cart/assay-sidecar-app Pod/cart 1(cart)", "assay-system/assay-image-x/app Pod/assay-image-x 1(assay-image-x)",
	}, nil)
	c.wants(refs(t, "shop/cart/model"), nil, []string{"target/shop/cart/model not-found"}) // an image volume is no container
}

// TestResolveLeaving: a pod that is being deleted stands for nobody.
func TestResolveLeaving(t *testing.T) {
	now := metav1.Now()
	goes := func(p *corev1.Pod) { p.DeletionTimestamp = &now }
	c := newCluster(t,
		with(running("shop/cart-a-1"), ownedBy("ReplicaSet", "cart-a"), goes),
		with(running("shop/cart-a-2"), ownedBy("ReplicaSet", "cart-a")),
		with(running("shop/last"), goes),
	)
	last := "target/shop/last/app not-running"
	c.wants(Selection{}, []string{"shop/cart-a-2/app ReplicaSet/cart-a 1(cart-a-2)"}, []string{last})
	c.wants(Selection{AllReplicas: true}, []string{"shop/cart-a-2/app ReplicaSet/cart-a 1(cart-a-2)"}, []string{"target/shop/cart-a-1/app not-running", last})
	c.wants(refs(t, "shop/last"), []string{"shop/last/app Pod/last 1(last)"}, nil)
}

func TestResolveOwners(t *testing.T) {
	t.Run("a static pod's node is no owner", func(t *testing.T) {
		c := newCluster(t, with(running("kube-system/etcd-node-1"), func(p *corev1.Pod) {
			yes := true
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "node-1", Controller: &yes}}
		}))
		c.wants(Selection{}, []string{"kube-system/etcd-node-1/app Pod/etcd-node-1 1(etcd-node-1)"}, nil)
	})
	t.Run("an owner that is gone", func(t *testing.T) {
		c := newCluster(t, with(running("shop/orphan"), ownedBy("ReplicaSet", "gone")))
		c.wants(Selection{}, []string{"shop/orphan/app ReplicaSet/gone 1(orphan)"}, nil)
	})
	t.Run("owners in a circle", func(t *testing.T) {
		c := newCluster(t, with(running("shop/round"), ownedBy("ReplicaSet", "a")))
		c.owns("ReplicaSet", "shop/a", "ReplicaSet", "b")
		c.owns("ReplicaSet", "shop/b", "ReplicaSet", "a")
		c.wants(Selection{}, []string{"shop/round/app ReplicaSet/b 1(round)"}, nil)
	})
	t.Run("forbidden, told once", func(t *testing.T) {
		c := shop(t)
		c.fault = forbid("/replicasets")
		c.wants(Selection{Namespaces: []string{"shop"}, Selector: "!x"}, []string{
			"shop/cart-a-1/app ReplicaSet/cart-a 1(cart-a-1)", "shop/cart-b-1/app ReplicaSet/cart-b 2(cart-b-1 cart-b-2)",
			"shop/night-1-x/app CronJob/night 1(night-1-x)", "shop/tool/one Pod/tool 1(tool)", "shop/tool/two Pod/tool 1(tool)",
		}, []string{"namespace/shop owner-unresolved"})
	})
	t.Run("a list that is forbidden, and single ones that are not", func(t *testing.T) {
		c := shop(t)
		c.fault = func(w http.ResponseWriter, call string) bool {
			return strings.HasSuffix(call, "/replicasets") && forbid("")(w, call)
		}
		got, gaps := c.targets(Selection{Namespaces: []string{"shop"}})
		if len(got) != 5 || len(gaps) != 0 || c.count("/replicasets/") != 2 {
			t.Errorf("%q, %q, %q", got, gaps, c.calls)
		}
	})
	t.Run("whose pods these are is not known", func(t *testing.T) {
		c := shop(t)
		c.fault = forbid("/replicasets")
		// Not "not found": its pods may be among those whose owner can't be read.
		c.wants(refs(t, "deploy/cart"), nil, []string{"target/shop/deployment/cart unreadable", "namespace/shop owner-unresolved"})
		c.wants(refs(t, "rs/cart-a"), []string{"shop/cart-a-1/app ReplicaSet/cart-a 1(cart-a-1)"}, []string{"namespace/shop owner-unresolved"})
	})
}

func TestResolveFaults(t *testing.T) {
	t.Run("a namespace that is forbidden", func(t *testing.T) {
		c := shop(t)
		c.fault = forbid("/namespaces/shop/pods")
		c.wants(Selection{Namespaces: []string{"shop", "web"}}, []string{"web/front/app Pod/front 1(front)"}, []string{"namespace/shop forbidden"})
		c.wants(refs(t, "shop/tool", "web/front", "deploy/cart"), []string{"web/front/app Pod/front 1(front)"}, []string{"target/shop/tool forbidden", "namespace/shop forbidden"})
	})
	t.Run("the whole cluster is", func(t *testing.T) {
		c := shop(t)
		c.fault = forbid("/api/v1/pods")
		c.wants(Selection{}, nil, []string{"cluster forbidden"})
	})
	t.Run("credentials that are not taken end it", func(t *testing.T) {
		c := shop(t)
		c.fault = func(w http.ResponseWriter, _ string) bool {
			refuse(w, 401, metav1.StatusReasonUnauthorized, "Unauthorized")
			return true
		}
		if _, _, err := Resolve(t.Context(), c.client, refs(t, "shop/tool")); err == nil || !strings.Contains(err.Error(), "does not take our credentials") {
			t.Error(err)
		}
	})
	t.Run("no server ends it", func(t *testing.T) {
		var o kube.Options
		o.Overrides.ClusterInfo.Server, o.Overrides.AuthInfo.Token = "http://127.0.0.1:1", "x"
		client, err := kube.Connect(o)
		if err != nil {
			t.Fatal(err)
		}
		var unreachable *kube.UnreachableError
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := Resolve(ctx, client, Selection{}); !errors.As(err, &unreachable) {
			t.Error(err)
		}
	})
	t.Run("a context that ends gives what was found", func(t *testing.T) {
		c := shop(t)
		ctx, cancel := context.WithCancel(t.Context())
		c.fault = func(_ http.ResponseWriter, call string) bool {
			if strings.Contains(call, "/web/pods/") {
				cancel()
			}
			return false
		}
		got, gaps, err := Resolve(ctx, c.client, refs(t, "shop/tool", "web/front"))
		if !errors.Is(err, context.Canceled) || len(got) < 2 || len(gaps) != 0 {
			t.Errorf("%v, %v, %v", got, gaps, err)
		}
	})
}

// TestResolveManyReplicas: pods are counted, and a few are named.
func TestResolveManyReplicas(t *testing.T) {
	c := newCluster(t)
	for i := range 12 {
		c.pods = append(c.pods, with(running(fmt.Sprintf("shop/cart-%02d", i)), ownedBy("StatefulSet", "cart")))
	}
	c.wants(Selection{}, []string{"shop/cart-00/app StatefulSet/cart 12(cart-00 cart-01 cart-02 cart-03 cart-04)"}, nil)
}
