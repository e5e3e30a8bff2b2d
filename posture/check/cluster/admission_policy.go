package cluster

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

const policyPage = "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/"

var (
	policyKind          = schema.GroupKind{Group: admissionv1.GroupName, Kind: "ValidatingAdmissionPolicy"}
	bindingKind         = schema.GroupKind{Group: admissionv1.GroupName, Kind: "ValidatingAdmissionPolicyBinding"}
	mutatingPolicyKind  = schema.GroupKind{Group: admissionv1.GroupName, Kind: "MutatingAdmissionPolicy"}
	mutatingBindingKind = schema.GroupKind{Group: admissionv1.GroupName, Kind: "MutatingAdmissionPolicyBinding"}
)

// content is what an object of a kind without a type of its own holds; nil for
// all others.
func content(o *index.Object) map[string]any {
	if u, ok := o.Object.(*unstructured.Unstructured); ok {
		return u.Object
	}
	return nil
}

// word is a text in an object's content; empty where none is there.
func word(o *index.Object, path ...string) string {
	s, _, _ := unstructured.NestedString(content(o), path...) // another type is none
	return s
}

// policyFailsOpen fails where a policy lets through what it can't judge.
func policyFailsOpen() *check.Check {
	const id = "admission-policy-fails-open"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission policy that lets through what it can't judge",
			Severity: finding.Low,
			Description: "The policy's failurePolicy is Ignore: where one of its expressions fails (on a field that is missing, say), or its parameter is not there, the request goes on. " +
				"Whoever finds an object on which it fails gets past it.",
			Check: "failurePolicy Ignore fails; Fail, and none (which means Fail), pass. ValidatingAdmissionPolicies and MutatingAdmissionPolicies are looked at.",
			Fix: "Refuse what can't be judged:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingAdmissionPolicy\n    metadata:\n      name: no-latest\n    spec:\n      failurePolicy: Fail\n",
			References: references(id, policyPage+"#failure-policy"),
		},
		Fields: []string{"spec.failurePolicy"},
		Kinds:  []schema.GroupKind{policyKind, mutatingPolicyKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			policy := word(o, "spec", "failurePolicy")
			basis := declared("spec.failurePolicy", check.OrUnset(policy))
			if policy == string(admissionv1.Ignore) {
				return say(finding.Fail, finding.Low, "failurePolicy is Ignore: what the policy can't judge is let through.", basis)
			}
			return say(finding.Pass, finding.Low, "What the policy can't judge is refused.", basis)
		},
	}
}

// bound lists, by name, the policies that bindings of a kind name.
func bound(x *index.Index, binding schema.GroupKind) map[string]bool {
	names := map[string]bool{}
	for _, o := range everyOf(x, binding) {
		names[word(o, "spec", "policyName")] = true
	}
	return names
}

// bindingOf is the kind of what binds policies of a kind.
func bindingOf(policy schema.GroupKind) schema.GroupKind {
	if policy == mutatingPolicyKind {
		return mutatingBindingKind
	}
	return bindingKind
}

// policyUnbound fails where a policy does nothing because no binding names it.
func policyUnbound() *check.Check {
	const id = "admission-policy-without-binding"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Admission policy that nothing binds",
			Severity:    finding.Low,
			Description: "No binding names the policy, so it judges nothing. Whoever sees it in the cluster believes that it is in force.",
			Check: "Looks for a binding with this policyName: a ValidatingAdmissionPolicyBinding for a ValidatingAdmissionPolicy, a MutatingAdmissionPolicyBinding for a MutatingAdmissionPolicy. " +
				"In files a binding that is not there may be in the cluster, so that is not-reviewed.",
			Fix: "Bind it, or take it away:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingAdmissionPolicyBinding\n    metadata:\n      name: no-latest\n    spec:\n" +
				"      policyName: no-latest\n      validationActions: [Deny]\n",
			References: references(id, policyPage),
		},
		Fields: []string{"metadata.name", "spec.policyName"},
		Kinds:  []schema.GroupKind{policyKind, bindingKind, mutatingPolicyKind, mutatingBindingKind},
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			for _, kind := range []schema.GroupKind{policyKind, mutatingPolicyKind} {
				names := bound(x, bindingOf(kind))
				for _, o := range everyOf(x, kind) {
					basis := declared("metadata.name", o.GetName())
					switch {
					case names[o.GetName()]:
						yield(o, say(finding.Pass, finding.Low, "A binding names the policy.", basis))
					case !x.Live || x.Partial:
						yield(o, say(finding.NotReviewed, finding.Low, "No binding of the policy is among what was read; there may be one all the same.", basis))
					default:
						yield(o, say(finding.Fail, finding.Low, "No binding names the policy, so it judges nothing.", basis))
					}
				}
			}
		},
	}
}

// bindingWithoutPolicy fails where a binding names a policy that is not there.
func bindingWithoutPolicy() *check.Check {
	const id = "admission-policy-missing"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission policy binding without its policy",
			Severity: finding.Medium,
			Description: "The binding names a policy that does not exist, so it does nothing. What it was to keep out is let in, while its name says otherwise; " +
				"and whoever may create policies decides what it will do.",
			Check: "Looks up the policy of the binding's policyName. In files a policy that is not there may be in the cluster, so that is not-reviewed.",
			Fix: "Create the policy, or correct the name:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingAdmissionPolicyBinding\n    metadata:\n      name: no-latest\n    spec:\n" +
				"      policyName: no-latest\n      validationActions: [Deny]\n",
			References: references(id, policyPage),
		},
		Fields: []string{"spec.policyName", "metadata.name"},
		Kinds:  []schema.GroupKind{policyKind, bindingKind, mutatingPolicyKind, mutatingBindingKind},
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			for _, kind := range []schema.GroupKind{policyKind, mutatingPolicyKind} {
				for _, o := range everyOf(x, bindingOf(kind)) {
					name := word(o, "spec", "policyName")
					basis := declared("spec.policyName", check.OrUnset(name))
					switch {
					case x.Find(kind, "", name) != nil:
						yield(o, say(finding.Pass, finding.Medium, "The policy "+name+" is there.", basis))
					case !x.Live || x.Partial:
						yield(o, say(finding.NotReviewed, finding.Medium, "The policy "+name+" is not among what was read; it may be in the cluster all the same.", basis))
					default:
						yield(o, say(finding.Fail, finding.Medium, "There is no "+kind.Kind+" "+name+", so the binding does nothing.", basis))
					}
				}
			}
		},
	}
}

// bindingWithoutDeny fails where what breaks a policy is let in all the same.
func bindingWithoutDeny() *check.Check {
	const id = "admission-policy-not-denying"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Admission policy that refuses nothing",
			Severity:    finding.Info,
			Description: "The binding only warns, or only writes to the audit log: what breaks the policy is let in. That is right while a policy is tried out, and easily forgotten.",
			Check:       "validationActions of a ValidatingAdmissionPolicyBinding has Deny, or fails.",
			Fix: "Refuse what breaks the policy:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingAdmissionPolicyBinding\n    metadata:\n      name: no-latest\n    spec:\n" +
				"      policyName: no-latest\n      validationActions: [Deny, Audit]\n",
			References: references(id, policyPage+"#getting-started-with-validating-admission-policy"),
		},
		Fields: []string{"spec.validationActions"},
		Kinds:  []schema.GroupKind{bindingKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			actions, _, _ := unstructured.NestedStringSlice(content(o), "spec", "validationActions") // another type is none
			if len(actions) == 0 {
				return say(finding.NotReviewed, finding.Info, "validationActions is empty, and an API server does not take such a binding.", declared("spec.validationActions", check.Unset))
			}
			basis := declared("spec.validationActions[0]", actions[0])
			if i := slices.Index(actions, string(admissionv1.Deny)); i >= 0 {
				return say(finding.Pass, finding.Info, "What breaks the policy is refused.", declared("spec.validationActions", "("+listed(actions)+")"))
			}
			return say(finding.Fail, finding.Info, "What breaks the policy is let in: validationActions is "+listed(actions)+".", basis)
		},
	}
}
