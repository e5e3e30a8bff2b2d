package inspect

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeassay/assay/kube"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want TargetRef
	}{
		{"cart-1", TargetRef{"home", kube.Pods, "cart-1", ""}},
		{"cart.1", TargetRef{"home", kube.Pods, "cart.1", ""}},
		{"shop/cart-1", TargetRef{"shop", kube.Pods, "cart-1", ""}},
		{"shop/cart-1/app", TargetRef{"shop", kube.Pods, "cart-1", "app"}},
		{"deploy/cart", TargetRef{"home", kube.Deployments, "cart", ""}},
		{"deployments.apps/cart/app", TargetRef{"home", kube.Deployments, "cart", "app"}},
		{"pod/cart-1", TargetRef{"home", kube.Pods, "cart-1", ""}},
		{"sts/db", TargetRef{"home", kube.StatefulSets, "db", ""}},
		{"cronjob/night", TargetRef{"home", kube.CronJobs, "night", ""}},
		{"k8s-container://shop/cart-1/app", TargetRef{"shop", kube.Pods, "cart-1", "app"}},
		{"k8s-container://deploy/cart-1/app", TargetRef{"deploy", kube.Pods, "cart-1", "app"}},
		{"secret/cart", TargetRef{"secret", kube.Pods, "cart", ""}}, // no kind that has pods: a namespace
	} {
		got, err := ParseTarget(tt.in, "home")
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "the name is empty",
		"/":                          "the namespace is empty",
		"a/b/c/d":                    "too many parts",
		"shop/":                      "the name is empty",
		"shop/cart/":                 "the container's name is empty",
		"../secrets/x":               `".." can't be a namespace`,
		"shop/..":                    `".." can't be a name`,
		"shop/a b":                   `"a b" can't be a name`,
		"shop/cart%2Fexec":           "can't be a name",
		"shop/cart?x=y":              "can't be a name",
		"node/x":                     "a Node is not made of containers",
		"ns/x":                       "a Namespace is not made of containers",
		"podtemplate/x":              "a PodTemplate is not made of containers",
		"k8s-container://shop/cart":  "come a namespace, a pod and a container",
		"k8s-container://shop/cart/": "the container's name is empty",
		"k8s-container:///cart/app":  "the namespace is empty",
		"Shop/cart":                  `"Shop" can't be a namespace`,
		"shop/cart/A":                `"A" can't be a container's name`,
		"shop\x1b[2J/cart":           `\x1b[2J`, // quoted
	} {
		got, err := ParseTarget(in, "home")
		if err == nil {
			t.Errorf("%q is taken as %+v", in, got)
		} else if !strings.Contains(err.Error(), want) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if _, err := ParseTarget("cart", ""); err == nil {
		t.Error("a name without any namespace is taken")
	}
}

// FuzzParseTarget: what is taken has names that objects can have, so that no
// request goes elsewhere, and its String means the same.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"cart", "shop/cart/app", "deploy/cart", "deploy/cart/app", "k8s-container://deploy/cart/app", "po/x", "..", "a//b", "deployments.v1.apps/x", " pod /x"} {
		f.Add(s, "home")
		f.Add(s, "deploy")
	}
	f.Fuzz(func(t *testing.T, s, namespace string) {
		ref, err := ParseTarget(s, namespace)
		if err != nil {
			if ref != (TargetRef{}) {
				t.Errorf("an error, and %+v", ref)
			}
			return
		}
		if len(validation.IsDNS1123Label(ref.Namespace)) > 0 || len(validation.IsDNS1123Subdomain(ref.Name)) > 0 ||
			ref.Container != "" && len(validation.IsDNS1123Label(ref.Container)) > 0 || !ref.Kind.Namespaced {
			t.Errorf("%q is taken as %+v", s, ref)
		}
		again, err := ParseTarget(ref.String(), ref.Namespace)
		if err != nil || again != ref {
			t.Errorf("%q is %+v, whose String %q is %+v (%v)", s, ref, ref.String(), again, err)
		}
	})
}
