package rbac_test

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

func TestParseResource(t *testing.T) {
	for text, want := range map[string]rbac.Resource{
		"pods":                 {Name: "pods", Kind: "Pod", Namespaced: true},
		"po":                   {Name: "pods", Kind: "Pod", Namespaced: true},
		"Pod":                  {Name: "pods", Kind: "Pod", Namespaced: true},
		"deploy":               {Group: "apps", Name: "deployments", Kind: "Deployment", Namespaced: true},
		"deployments.apps":     {Group: "apps", Name: "deployments", Kind: "Deployment", Namespaced: true},
		"deployments.v1.apps":  {Group: "apps", Name: "deployments", Kind: "Deployment", Namespaced: true},
		"events":               {Name: "events", Kind: "Event", Namespaced: true},
		"events.events.k8s.io": {Group: "events.k8s.io", Name: "events", Kind: "Event", Namespaced: true},
		"nodes":                {Name: "nodes", Kind: "Node"},
		"signers":              {Group: "certificates.k8s.io", Name: "signers", Kind: "Signer"},
		"widgets.example.com":  {Group: "example.com", Name: "widgets", Namespaced: true, Unknown: true},
		"pods.example.com":     {Group: "example.com", Name: "pods", Namespaced: true, Unknown: true},
		"*":                    {Group: "*", Name: "*", Namespaced: true},
		"*.apps":               {Group: "apps", Name: "*", Namespaced: true},
	} {
		if got, err := rbac.ParseResource(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "widgets", "pods.", ".apps", "a/b", "a b"} {
		if got, err := rbac.ParseResource(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	named := rule("get,patch", "apps", "deployments,deployments/scale", "cart", "web")
	many := rule("*", "", "pods")
	many.APIGroups = []string{"", "apps"}
	for want, r := range map[string]rbacv1.PolicyRule{
		"get, list pods, pods/log": rule("get,list", "", "pods,pods/log"),
		"get, patch deployments.apps, deployments/scale.apps (only cart, web)": named,
		`* pods of the groups "", apps`:                                        many,
		"get /metrics, /healthz/*":                                             {Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics", "/healthz/*"}},
		"get pods of no group":                                                 {Verbs: []string{"get"}, Resources: []string{"pods"}},
		"nothing":                                                              {},
	} {
		if got := rbac.Describe(&r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzParse reads whatever a person may type. What is read is written so that
// it is read again as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"sa:shop/cart", "user:a", "group:b", "system:serviceaccount:a:b", "pods", "*.apps", "po.v1", "\x00", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := rbac.ParseSubject(text); err == nil {
			if again, err := rbac.ParseSubject(s.String()); err != nil || again != s {
				t.Fatalf("%q is read as %+v, then as %+v, %v", text, s, again, err)
			}
		}
		if r, err := rbac.ParseResource(text); err == nil && r.Name == "" {
			t.Fatalf("%q is read as %+v", text, r)
		}
	})
}
