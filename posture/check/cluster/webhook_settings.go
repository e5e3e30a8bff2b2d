package cluster

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// webhookMatchExact fails where a request in another API version goes past.
func webhookMatchExact() *check.Check {
	const id = "webhook-match-policy-exact"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook that other API versions go past",
			Severity: finding.Low,
			Description: "The webhook's matchPolicy is Exact, so it is asked only about the API versions that its rules name. " +
				"The same object, sent in another version that the server has (or will have), goes past it.",
			Check: "Fails where matchPolicy is Exact and a rule names versions without \"*\". Equivalent, and none (which means Equivalent), pass. " +
				"Rules for the core group alone are not counted, because it has only one version. Webhooks without such a rule pass too.",
			Fix: "Let the API server convert such requests, and ask the webhook about them:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      matchPolicy: Equivalent\n",
			References: references(id, webhookPage+"#matching-requests-matchpolicy"),
		},
		Fields: []string{"webhooks[*].matchPolicy", "webhooks[*].rules[*].apiVersions", "webhooks[*].rules[*].apiGroups"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Low, judgeMatchPolicy)
		},
	}
}

func judgeMatchPolicy(h *hook) remark {
	basis := []finding.Basis{h.declared("matchPolicy", text(h.matchPolicy))}
	if h.matchPolicy == nil || *h.matchPolicy != admissionv1.Exact {
		return remark{finding.Pass, finding.Low, "it is asked about all versions of what its rules name", basis}
	}
	misses := slices.ContainsFunc(h.rules, func(r admissionv1.RuleWithOperations) bool {
		onlyCore := len(r.APIGroups) == 1 && r.APIGroups[0] == ""
		return !onlyCore && !slices.Contains(r.APIVersions, "*")
	})
	if misses {
		return remark{finding.Fail, finding.Low, "matchPolicy is Exact, so a request in an API version that its rules don't name goes past it", basis}
	}
	return remark{finding.Pass, finding.Low, "matchPolicy is Exact, but its rules name every version", basis}
}

// webhookReceivesSecrets fails where a webhook is sent the values of Secrets.
func webhookReceivesSecrets() *check.Check {
	const id = "webhook-receives-secrets"
	by := newConditions()
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook that is sent Secrets",
			Severity: finding.Info,
			Description: "The API server sends the webhook every Secret that is created or changed, with its values. Whoever takes over the webhook, or reads its log, gets them, " +
				"without any right to read Secrets.",
			Check: "Fails where a rule chooses the creation or the change of Secrets, by name or by \"*\", and no match condition rules Secrets out altogether. Selectors, and conditions that ask about the object or the user, narrow that down, and change nothing in the verdict.",
			Fix: "Name the resources that the webhook is for:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      rules:\n      - apiGroups: [\"\"]\n        apiVersions: [v1]\n        operations: [CREATE, UPDATE]\n        resources: [pods]\n",
			References: references(id, webhookGoodPage),
		},
		Fields: []string{"webhooks[*].rules", "webhooks[*].matchConditions"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Info, func(h *hook) remark { return judgeReceives(h, by.of(h)) })
		},
	}
}

func judgeReceives(h *hook, by weighed) remark {
	basis := []finding.Basis{h.declared("rules", "("+chosenResources(h)+")")}
	for _, operation := range []admissionv1.OperationType{admissionv1.Create, admissionv1.Update} {
		if h.mayBeAsked(&request{operation: operation, resource: "secrets"}, by) {
			return remark{finding.Fail, finding.Info, "it is sent Secrets with their values", basis}
		}
	}
	if len(h.rules) == 0 {
		return remark{finding.NotApplicable, finding.Info, "it has no rules", nil}
	}
	return remark{finding.Pass, finding.Info, "it is not sent Secrets", basis}
}

// chosenResources names what the webhook is asked about.
func chosenResources(h *hook) string {
	var all []string
	for _, r := range h.rules {
		all = append(all, r.Resources...)
	}
	slices.Sort(all)
	return "resources " + listed(slices.Compact(all))
}

// webhookSideEffects fails where a webhook does not say that trying is harmless.
func webhookSideEffects() *check.Check {
	const id = "webhook-side-effects"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook with unknown side effects",
			Severity: finding.Low,
			Description: "The webhook does not say that it changes nothing besides the object. A trial run (kubectl apply --dry-run=server) then fails or changes something, " +
				"so people stop trying things out before they do them. API servers take no such webhook in version v1 of the API.",
			Check: "sideEffects None and NoneOnDryRun pass, everything else fails.",
			Fix: "Make the webhook free of side effects, and say so:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      sideEffects: None\n",
			References: references(id, webhookPage+"#side-effects"),
		},
		Fields: []string{"webhooks[*].sideEffects"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Low, func(h *hook) remark {
				basis := []finding.Basis{h.declared("sideEffects", text(h.sideEffects))}
				if h.sideEffects != nil && (*h.sideEffects == admissionv1.SideEffectClassNone || *h.sideEffects == admissionv1.SideEffectClassNoneOnDryRun) {
					return remark{finding.Pass, finding.Low, "it has no side effects on trial runs", basis}
				}
				return remark{finding.Fail, finding.Low, "sideEffects is neither None nor NoneOnDryRun, so trial runs fail, and an API server does not take it in version v1", basis}
			})
		},
	}
}

// longestTimeout is the default, in seconds; a webhook that needs more holds up
// everything.
const longestTimeout = 10

// webhookTimeout fails where a request may wait long for a webhook.
func webhookTimeout() *check.Check {
	const id = "webhook-timeout"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook with a long timeout",
			Severity: finding.Low,
			Description: "Every request that the webhook is asked about waits for it longer than the usual ten seconds where it hangs. Webhooks are asked one after the other in part, " +
				"so that clients give up first, and a webhook that hangs holds up the whole cluster.",
			Check: "Fails where timeoutSeconds is more than 10. Ten, less, and none (which means 10) pass. API servers take 1 to 30.",
			Fix: "Answer quickly, and give up soon:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      timeoutSeconds: 5\n",
			References: references(id, webhookPage+"#timeouts"),
		},
		Fields: []string{"webhooks[*].timeoutSeconds"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Low, judgeTimeout)
		},
	}
}

func judgeTimeout(h *hook) remark {
	basis := []finding.Basis{h.declared("timeoutSeconds", check.Int(h.timeout))}
	switch {
	case h.timeout == nil || *h.timeout >= 1 && *h.timeout <= longestTimeout:
		return remark{finding.Pass, finding.Low, "requests wait for it ten seconds at most", basis}
	case *h.timeout < 1 || *h.timeout > 30:
		return remark{finding.Fail, finding.Low, "an API server takes a timeoutSeconds of 1 to 30, and not this one", basis}
	}
	return remark{finding.Fail, finding.Low, "requests may wait for it longer than ten seconds", basis}
}
