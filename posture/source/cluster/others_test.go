package cluster

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// TestEveryKindCanBeRead: a kind that some check asks about and that nobody
// reads would leave the check not-reviewed for ever.
func TestEveryKindCanBeRead(t *testing.T) {
	kinds := posture.Kinds(builtin.All())
	src, err := New(newServer(t).client(t), Options{Others: kinds})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if !src.Describe().Gives(k) {
			t.Errorf("%s can't be read from a cluster: add it to others()", k)
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only %d kinds: that tests too little", len(kinds))
	}
}

// TestEveryKindIsAskedFor: what no check asks about need not be read.
func TestEveryKindIsAskedFor(t *testing.T) {
	kinds := posture.Kinds(builtin.All())
	for _, o := range others() {
		if !slices.Contains(kinds, o.kind()) {
			t.Errorf("no check asks about %s: take it out of others()", o.resource)
		}
	}
}

// serving is a client of a server that has one object of every kind of some
// API groups and versions, and answers for others as it is told.
func serving(t *testing.T, codes map[string]int) *kube.Client {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of, resource, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/apis/"), "/")
		version, resource, _ := strings.Cut(resource, "/")
		w.Header().Set("Content-Type", "application/json")
		switch code := codes[of+"/"+version]; {
		case r.URL.Path == "/version":
			fmt.Fprintf(w, `{"gitVersion": %q}`, fakeVersion)
		case strings.HasPrefix(r.URL.Path, "/api/v1/"):
			send(w, http.StatusOK, "List", nil)
		case code == http.StatusOK:
			namespace := "shop"
			if resource == "globalnetworkpolicies" {
				namespace = ""
			}
			fmt.Fprintf(w, `{"items": [{"metadata": {"name": "one", "namespace": %q}}]}`, namespace)
		case code == http.StatusForbidden:
			w.WriteHeader(code)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(api.Close)
	return (&server{Server: api}).client(t)
}

// TestWhereKindsAreServed: the same objects may be in one of several versions,
// or API groups, and are read once, from the first that the server has.
func TestWhereKindsAreServed(t *testing.T) {
	const (
		stored, native = "crd.projectcalico.org/v1", "projectcalico.org/v3"
		gateway        = "gateway.networking.k8s.io/"
	)
	calico := []schema.GroupKind{
		{Group: "projectcalico.org", Kind: "NetworkPolicy"}, {Group: "projectcalico.org", Kind: "GlobalNetworkPolicy"},
		{Group: "crd.projectcalico.org", Kind: "NetworkPolicy"}, {Group: "crd.projectcalico.org", Kind: "GlobalNetworkPolicy"},
	}
	routes := []schema.GroupKind{{Group: "gateway.networking.k8s.io", Kind: "TLSRoute"}, {Group: "gateway.networking.k8s.io", Kind: "GRPCRoute"}}
	for _, x := range []struct {
		name  string
		kinds []schema.GroupKind
		serve map[string]int // by group and version
		want  []string       // objects
		gaps  []string
	}{
		{"Calico's as they are stored", calico, map[string]int{stored: 200}, []string{stored + " GlobalNetworkPolicy", stored + " NetworkPolicy"}, nil},
		{"Calico's in both groups", calico, map[string]int{stored: 200, native: 200}, []string{stored + " GlobalNetworkPolicy", stored + " NetworkPolicy"}, nil},
		{"Calico's by its own name alone", calico, map[string]int{native: 200}, []string{native + " GlobalNetworkPolicy", native + " NetworkPolicy"}, nil},
		{"no Calico", calico, nil, nil, nil},
		{"Calico's by its own name, forbidden", calico, map[string]int{native: 403}, nil, []string{"GlobalNetworkPolicy.projectcalico.org", "NetworkPolicy.projectcalico.org"}},
		{"Calico's as they are stored, forbidden", calico, map[string]int{stored: 403, native: 200}, nil, []string{"GlobalNetworkPolicy.crd.projectcalico.org", "NetworkPolicy.crd.projectcalico.org"}},
		{"routes", routes, map[string]int{gateway + "v1": 200, gateway + "v1alpha2": 200}, []string{gateway + "v1 GRPCRoute", gateway + "v1 TLSRoute"}, nil},
		{"routes of an old server", routes, map[string]int{gateway + "v1alpha2": 200}, []string{gateway + "v1alpha2 GRPCRoute", gateway + "v1alpha2 TLSRoute"}, nil},
		{"routes of one in between", routes, map[string]int{gateway + "v1alpha3": 403}, nil, []string{"TLSRoute.gateway.networking.k8s.io"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			src, err := New(serving(t, x.serve), Options{Kinds: []kube.Resource{kube.Pods}, Others: x.kinds})
			if err != nil {
				t.Fatal(err)
			}
			var got, gaps []string
			for i, err := range src.Items(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if i.Other != nil {
					got = append(got, i.Other.APIVersion+" "+i.Other.Kind)
				}
				if i.Gap != nil {
					gaps = append(gaps, i.Gap.Kind.String())
				}
			}
			slices.Sort(got)
			slices.Sort(gaps)
			if !slices.Equal(got, x.want) || !slices.Equal(gaps, x.gaps) {
				t.Errorf("got %q and the gaps %q", got, gaps)
			}
		})
	}
}
