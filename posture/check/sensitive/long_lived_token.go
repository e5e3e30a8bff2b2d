package sensitive

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// What the control plane writes on Secrets with tokens.
const (
	lastUsedLabel     = "kubernetes.io/legacy-token-last-used"
	invalidSinceLabel = "kubernetes.io/legacy-token-invalid-since"
)

// longLivedToken fails where a Secret holds a token that never ends.
func longLivedToken() *check.Check {
	const id = "service-account-token-long-lived"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Secret with a token that never ends",
			Severity: finding.Medium,
			Description: "The Secret holds a token of a service account. Such a token is good from anywhere until somebody deletes the Secret. " +
				"Whoever reads it once, or finds it in a backup, has all rights of the account for good.",
			Check: "A Secret with the annotation kubernetes.io/service-account.name fails; where its type is known (in files), it must be kubernetes.io/service-account-token. " +
				"One that the cluster has marked as invalid (the label kubernetes.io/legacy-token-invalid-since) is low. " +
				"One that its service account lists by the name that Kubernetes gave it before 1.24 is left to service-account-token-secret. Only the metadata is read, never the token.",
			Fix: "Ask for a token that ends (kubectl create token), or mount one into the pod, and delete the Secret:\n\n" +
				"    volumes:\n    - name: token\n      projected:\n        sources:\n        - serviceAccountToken:\n            path: token\n            audience: shop\n            expirationSeconds: 3600\n",
			References: references(id, "https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets"),
		},
		Fields: []string{
			"metadata.annotations['kubernetes.io/service-account.name']", "metadata.labels['kubernetes.io/legacy-token-last-used']",
			"metadata.labels['kubernetes.io/legacy-token-invalid-since']", "type", "secrets[*].name",
		},
		Kinds:           []schema.GroupKind{secretKind, accountKind},
		OptIn:           check.ReadSecrets,
		SurveyNamespace: surveyTokens,
	}
}

func surveyTokens(n *index.Namespace, yield check.Yield) {
	for _, o := range n.Objects(secretKind) {
		yield(o, judgeToken(n, o))
	}
}

func judgeToken(n *index.Namespace, o *index.Object) check.Verdict {
	account := o.GetAnnotations()[corev1.ServiceAccountNameKey]
	basis := declared(annotation(corev1.ServiceAccountNameKey), check.OrUnset(account))
	if !isToken(o) {
		return say(finding.Pass, finding.Medium, "It holds no token of a service account.", basis)
	}
	whose := "the service account " + account
	if account == "" {
		whose = "a service account that it does not name"
	}
	if listedBy(n, account, o.GetName()) {
		return say(finding.NotApplicable, finding.Medium, "The service account "+account+" lists it, and service-account-token-secret tells of it.")
	}
	used, since := o.GetLabels()[lastUsedLabel], o.GetLabels()[invalidSinceLabel]
	switch {
	case since != "":
		return say(finding.Fail, finding.Low, "It holds a token of "+whose+" that nobody has used for long. The cluster takes it no more since "+since+", until somebody takes the mark away.",
			basis, declared("metadata.labels['"+invalidSinceLabel+"']", since))
	case used != "":
		return say(finding.Fail, finding.Medium, "It holds a token of "+whose+" that never ends. It was last used on "+used+".",
			basis, declared("metadata.labels['"+lastUsedLabel+"']", used))
	}
	return say(finding.Fail, finding.Medium, "It holds a token of "+whose+" that never ends.", basis)
}

// isToken goes by the annotation, without which the API server takes no such
// Secret, and by the type, where that was read.
func isToken(o *index.Object) bool {
	if s, ok := o.Object.(*corev1.Secret); ok && s.Type != "" {
		return s.Type == corev1.SecretTypeServiceAccountToken
	}
	return o.GetAnnotations()[corev1.ServiceAccountNameKey] != ""
}

// listedBy reports whether a service account lists a Secret by the name that
// Kubernetes gave to those it made itself.
func listedBy(n *index.Namespace, account, secret string) bool {
	if rest, ok := strings.CutPrefix(secret, account+"-token-"); !ok || rest == "" {
		return false
	}
	o := n.Find(accountKind, n.Name, account)
	if o == nil {
		return false
	}
	a, ok := o.Object.(*corev1.ServiceAccount)
	return ok && slices.ContainsFunc(a.Secrets, func(r corev1.ObjectReference) bool { return r.Name == secret })
}
