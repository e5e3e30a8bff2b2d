package cluster

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

func TestChooses(t *testing.T) {
	rule := func(operation, group string, resources ...string) *admissionv1.RuleWithOperations {
		return &admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.OperationType(operation)},
			Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: resources},
		}
	}
	scoped := func(scope admissionv1.ScopeType, rule *admissionv1.RuleWithOperations) *admissionv1.RuleWithOperations {
		rule.Scope = &scope
		return rule
	}
	newPod := &request{"CREATE", "", "pods", ""}
	newNamespace := &request{"CREATE", "", "namespaces", ""}
	newBinding := &request{"CREATE", "rbac.authorization.k8s.io", "clusterrolebindings", ""}
	exec := &request{"CONNECT", "", "pods", "exec"}
	for _, x := range []struct {
		name string
		rule *admissionv1.RuleWithOperations
		of   *request
		want bool
	}{
		{"by name", rule("CREATE", "", "pods"), newPod, true},
		{"second of the list", rule("CREATE", "", "secrets", "pods"), newPod, true},
		{"another resource", rule("CREATE", "", "secrets"), newPod, false},
		{"another operation", rule("DELETE", "", "pods"), newPod, false},
		{"every operation", rule("*", "", "pods"), newPod, true},
		{"another group", rule("CREATE", "apps", "pods"), newPod, false},
		{"every group", rule("CREATE", "*", "pods"), newPod, true},
		{"every resource", rule("CREATE", "", "*"), newPod, true},
		{"every resource, and no subresource", rule("*", "", "*"), exec, false},
		{"everything", rule("*", "*", "*/*"), exec, true},
		{"everything is also the resource itself", rule("*", "*", "*/*"), newPod, true},
		{"every subresource is also the resource itself", rule("CREATE", "", "pods/*"), newPod, true},
		{"every subresource", rule("CONNECT", "", "pods/*"), exec, true},
		{"one subresource of everything", rule("CONNECT", "", "*/exec"), exec, true},
		{"one subresource", rule("CONNECT", "", "pods/exec"), exec, true},
		{"another subresource", rule("CONNECT", "", "pods/attach"), exec, false},
		{"the resource is not its subresource", rule("CONNECT", "", "pods"), exec, false},
		{"every scope", scoped("*", rule("CREATE", "", "*")), newPod, true},
		{"what is in namespaces", scoped("Namespaced", rule("CREATE", "", "*")), newPod, true},
		{"what is in none", scoped("Cluster", rule("*", "*", "*/*")), newPod, false},
		{"a namespace is in none", scoped("Namespaced", rule("CREATE", "", "*")), newNamespace, false},
		{"a namespace is the cluster's", scoped("Cluster", rule("CREATE", "", "*")), newNamespace, true},
		{"a binding of the cluster", scoped("Cluster", rule("CREATE", "*", "*")), newBinding, true},
		{"no binding of the cluster", scoped("Namespaced", rule("CREATE", "*", "*")), newBinding, false},
		{"a subresource is not the resource", rule("CREATE", "", "pods/exec"), newPod, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := chooses(x.rule, x.of); got != x.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
