package cluster

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

func TestConditions(t *testing.T) {
	by := newConditions()
	for _, x := range []struct {
		name       string
		conditions []string
		want       answer
	}{
		{"none", nil, yes},
		{"another resource", []string{`request.resource.resource == "widgets"`}, no},
		{"this resource", []string{`request.resource.group == "" && request.resource.resource == "pods"`}, yes},
		{"leases left out, as documented", []string{`!(request.resource.group == "coordination.k8s.io" && request.resource.resource == "leases")`}, yes},
		{"another operation", []string{`request.operation != "CREATE"`}, no},
		{"a namespace left out", []string{`!(request.namespace in ["policy-system", "kube-system"])`}, no},
		{"another namespace left out", []string{`request.namespace != "shop"`}, yes},
		{"nodes left out: who asks is not known", []string{`!("system:nodes" in request.userInfo.groups)`}, unknown},
		{"the object", []string{`has(object.metadata.labels) && object.metadata.labels["app"] == "x"`}, unknown},
		{"the object, but what is known decides", []string{`object.metadata.name == "x" && request.operation == "DELETE"`}, no},
		{"the object, or what is known", []string{`object.metadata.name == "x" || request.operation == "CREATE"`}, yes},
		{"one of two", []string{`object.metadata.name == "x"`, `request.subResource == "exec"`}, no},
		{"the version is not known", []string{`request.resource.version == "v2"`}, unknown},
		{"the kind is not known", []string{`request.kind.kind == "Pod"`}, unknown},
		{"it may not compile", []string{`request.`}, unknown},
		{"the authorizer", []string{`!authorizer.group("").resource("pods").check("bypass").allowed()`}, unknown},
		{"no bool", []string{`"false"`}, unknown},
		{"endless work", []string{"[" + strings.Repeat("0,", 999) + "0].all(a, [" + strings.Repeat("0,", 999) + "0].all(b, a == b))"}, unknown},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := &hook{}
			for _, c := range x.conditions {
				h.conditions = append(h.conditions, admissionv1.MatchCondition{Name: "c", Expression: c})
			}
			if got := by.of(h).hold(&request{operation: admissionv1.Create, resource: "pods"}, "kube-system"); got != x.want {
				t.Errorf("got %v, want %v", got, x.want)
			}
		})
	}
	h := &hook{conditions: []admissionv1.MatchCondition{{Expression: `request.namespace == "shop"`}}}
	if got := by.of(h).hold(&request{operation: admissionv1.Create, resource: "pods"}, ""); got != unknown {
		t.Errorf("in a namespace that is not known: %v", got)
	}
}
