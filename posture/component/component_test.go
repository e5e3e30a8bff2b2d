package component

import (
	"path"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

func TestNeeds(t *testing.T) {
	proxy := finding.Workload{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "kube-system", Name: "kube-proxy"}
	with := func(change func(*finding.Workload)) finding.Workload {
		w := proxy
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		workload     finding.Workload
		image, check string
		want         string
	}{
		"kube-proxy is privileged":            {proxy, "registry.example/kube-proxy:v1.36.2", "privileged-container", "kube-proxy"},
		"by digest":                           {proxy, "registry.example:5000/k/kube-proxy@sha256:00", "privileged-container", "kube-proxy"},
		"about the pod as a whole":            {proxy, "", "host-network", "kube-proxy"},
		"what it does not need":               {proxy, "registry.example/kube-proxy:v1", "image-latest-tag", ""},
		"another namespace":                   {with(func(w *finding.Workload) { w.Namespace = "shop" }), "registry.example/kube-proxy:v1", "privileged-container", ""},
		"another name":                        {with(func(w *finding.Workload) { w.Name = "proxy" }), "registry.example/kube-proxy:v1", "privileged-container", ""},
		"another kind":                        {with(func(w *finding.Workload) { w.Kind = "Deployment" }), "registry.example/kube-proxy:v1", "privileged-container", ""},
		"another image under the name":        {proxy, "registry.example/miner:v1", "privileged-container", ""},
		"a name that only begins like it":     {with(func(w *finding.Workload) { w.Name = "kube-proxy-2" }), "registry.example/kube-proxy:v1", "privileged-container", ""},
		"a static pod of the control plane":   {finding.Workload{Kind: "Pod", Namespace: "kube-system", Name: "etcd-node-1"}, "registry.example/etcd:3.6", "host-path-volume", "control plane"},
		"the control plane is not privileged": {finding.Workload{Kind: "Pod", Namespace: "kube-system", Name: "etcd-node-1"}, "registry.example/etcd:3.6", "privileged-container", ""},
	} {
		t.Run(name, func(t *testing.T) {
			known, ok := Needs(c.workload, c.image, c.check)
			if ok != (c.want != "") || known.Name != c.want {
				t.Errorf("got %+v, %v", known, ok)
			}
		})
	}
}

func TestTheTable(t *testing.T) {
	for _, p := range parts {
		if len(p.kinds)*len(p.namespaces)*len(p.names)*len(p.images)*len(p.needs) == 0 || !strings.HasSuffix(p.reason, ".") {
			t.Errorf("%s leaves something open: %+v", p.name, p)
		}
		for _, list := range [][]string{p.names, p.images} {
			for _, pattern := range list {
				if _, err := path.Match(pattern, ""); err != nil || strings.Trim(pattern, "*") == "" {
					t.Errorf("%s: the pattern %q can't be read, or matches everything", p.name, pattern)
				}
			}
		}
	}
}
