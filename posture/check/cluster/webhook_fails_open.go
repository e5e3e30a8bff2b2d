package cluster

import (
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// webhookFailsOpen fails where what a webhook guards is let through when the
// webhook does not answer.
func webhookFailsOpen() *check.Check {
	const id = "webhook-fails-open"
	guarded, by := sync.OnceValue(guardedRequests), newConditions()
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook that lets requests through when it does not answer",
			Severity: finding.Medium,
			Description: "The webhook's failurePolicy is Ignore: while it can't be reached, or is too slow, requests go on as if it had agreed. " +
				"Whoever can make it slow or take it down for a moment (by using up its memory, or its node) gets past it.",
			Check: "Looks at webhooks that are asked when something is created or changed that bears on security: pods and what makes them, ways into pods, Secrets, " +
				"service accounts, roles and bindings, network policies, namespaces, nodes, persistent volumes, custom resource definitions, aggregated API services. Webhooks are never asked about webhooks and admission policies. " +
				"failurePolicy Ignore fails: medium for a validating webhook, low for a mutating one, and for those that Amazon EKS, AKS and GKE bring along, whose settings are the platform's. " +
				"Fail, and none (which means Fail), pass. Others are not applicable, and so are those whose match conditions rule all of this out by operation and resource. Selectors, and conditions that ask about the object or the user, narrow down what is asked about, and change nothing in the verdict.",
			Fix: "Refuse what could not be judged. Run the webhook in several copies, and leave its own namespace out, so that it can always start:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      failurePolicy: Fail\n      namespaceSelector:\n        matchExpressions:\n" +
				"        - key: kubernetes.io/metadata.name\n          operator: NotIn\n          values: [policy-system, kube-system]\n",
			References: references(id, webhookPage+"#failure-policy"),
		},
		Fields: []string{"webhooks[*].failurePolicy", "webhooks[*].rules", "webhooks[*].objectSelector", "webhooks[*].matchConditions"},
		Kinds:  webhookKinds(),
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			return eachHook(o, finding.Medium, func(h *hook) remark { return judgeFailsOpen(o.GetName(), h, guarded(), by.of(h)) })
		},
	}
}

// ofPlatform reports whether a webhook is one that a platform brings along: of
// Amazon EKS (amazon-vpc-resource-controller-k8s), GKE, or AKS. Who can make a
// webhook of such a name gains no more by it than a lower rank of this finding.
func ofPlatform(configuration, webhook string) bool {
	return strings.HasSuffix(webhook, ".vpc.k8s.aws") || strings.HasSuffix(webhook, ".common-webhooks.networking.gke.io") ||
		configuration == "aks-node-validating-webhook"
}

func judgeFailsOpen(configuration string, h *hook, guarded []request, by weighed) remark {
	what := ""
	for i := range guarded {
		if h.mayBeAsked(&guarded[i], by) {
			what = guarded[i].resource
			if sub := guarded[i].subresource; sub != "" {
				what += "/" + sub
			}
			break
		}
	}
	switch {
	case what == "":
		return remark{finding.NotApplicable, finding.Medium, "it is not asked about anything that bears on security", nil}
	case !h.open():
		return remark{finding.Pass, finding.Medium, "while it does not answer, what it would be asked about is refused", []finding.Basis{h.failure()}}
	case ofPlatform(configuration, h.name):
		return remark{finding.Fail, finding.Low, "failurePolicy is Ignore. While it does not answer, " + what + " (and perhaps more) go on without it. It is ranked low because the platform that the cluster runs on brings it along, and sets it so", []finding.Basis{h.failure()}}
	case h.mutating:
		return remark{finding.Fail, finding.Low, "failurePolicy is Ignore. While it does not answer, " + what + " (and perhaps more) are taken without the change that it would make", []finding.Basis{h.failure()}}
	}
	return remark{finding.Fail, finding.Medium, "failurePolicy is Ignore. While it does not answer, " + what + " (and perhaps more) are let through unjudged", []finding.Basis{h.failure()}}
}

// guardedRequests are those that bear on security, the plainest first.
func guardedRequests() []request {
	var all []request
	add := func(group string, operation admissionv1.OperationType, resources ...string) {
		for _, r := range resources {
			all = append(all, request{operation: operation, group: group, resource: r})
		}
	}
	add("", admissionv1.Create, "pods", "secrets", "serviceaccounts", "namespaces", "persistentvolumes", "replicationcontrollers")
	add("", admissionv1.Update, "pods", "secrets", "namespaces", "nodes")
	for _, sub := range []string{"exec", "attach", "ephemeralcontainers", "portforward"} {
		operation := admissionv1.Connect
		if sub == "ephemeralcontainers" {
			operation = admissionv1.Update
		}
		all = append(all, request{operation, "", "pods", sub})
	}
	all = append(all, request{admissionv1.Create, "", "serviceaccounts", "token"})
	for _, operation := range []admissionv1.OperationType{admissionv1.Create, admissionv1.Update} {
		add("apps", operation, "deployments", "statefulsets", "daemonsets", "replicasets")
		add("batch", operation, "jobs", "cronjobs")
		add("rbac.authorization.k8s.io", operation, "clusterrolebindings", "rolebindings", "clusterroles", "roles")
		add("networking.k8s.io", operation, "networkpolicies")
		add("certificates.k8s.io", operation, "certificatesigningrequests")
		add("apiextensions.k8s.io", operation, "customresourcedefinitions")
		add("apiregistration.k8s.io", operation, "apiservices")
	}
	return all
}
