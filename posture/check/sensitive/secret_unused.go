package sensitive

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// secretUnused fails where nothing refers to a Secret.
func secretUnused() *check.Check {
	const id = "secret-unused"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Secret that nothing refers to",
			Severity: finding.Info,
			Description: "Nothing uses the Secret any more, as far as can be seen. Credentials that nobody needs are not changed and not missed: " +
				"they stay good for whoever may read Secrets, or has a backup.",
			Check: "Looks for the Secret's name in pods and pod templates of its namespace (environment, volumes, image pull secrets), service accounts, Ingresses and their annotations, " +
				"Gateways, PersistentVolumes and StorageClasses. Programs that read it through the API, and custom resources, are not looked at. " +
				"Not applicable: tokens of service accounts, bootstrap tokens, releases of Helm, and what belongs to another object. " +
				"In files, and where only a part of the cluster was asked for, a Secret that nothing refers to is not-reviewed. Of Secrets only the metadata is read.",
			Fix: "Make sure that no program reads it, end the credential where it came from, and delete it:\n\n" +
				"    apiVersion: v1\n    kind: Secret\n    metadata:\n      name: old-database\n      namespace: shop\n",
			References: references(id, "https://kubernetes.io/docs/concepts/security/secrets-good-practices/"),
		},
		Fields: []string{
			"metadata.name", "metadata.annotations", "metadata.labels", "metadata.ownerReferences",
			"spec.containers[*].env[*].valueFrom.secretKeyRef.name", "spec.containers[*].envFrom[*].secretRef.name", "spec.volumes[*].secret.secretName",
			"spec.volumes[*].projected.sources[*].secret.name", "spec.imagePullSecrets[*].name", "secrets[*].name", "imagePullSecrets[*].name",
			"spec.tls[*].secretName", "spec.listeners[*].tls.certificateRefs", "spec.csi", "parameters",
		},
		Kinds:           []schema.GroupKind{secretKind, accountKind, ingressKind, gatewayKind, volumeKind, storageClassKind},
		OptIn:           check.ReadSecrets,
		SurveyNamespace: surveySecrets,
	}
}

func surveySecrets(n *index.Namespace, yield check.Yield) {
	secrets := n.Objects(secretKind)
	if len(secrets) == 0 {
		return
	}
	used := secretsUsed(n)
	for _, o := range secrets {
		name := o.GetName()
		if why := notForPods(o); why != "" {
			yield(o, say(finding.NotApplicable, finding.Info, why))
		} else if by := used[name]; by != "" {
			yield(o, say(finding.Pass, finding.Info, by+" refers to it.", declared("metadata.name", name)))
		} else {
			yield(o, unused(n, name))
		}
	}
}

// notForPods says why nothing needs to refer to a Secret; empty where something should.
func notForPods(o *index.Object) string {
	name := o.GetName()
	switch {
	case isToken(o):
		return "It holds a token of a service account."
	case strings.HasPrefix(name, "sh.helm.release.v1."):
		return "It holds a release of Helm, which Helm reads through the API."
	case strings.HasPrefix(name, "bootstrap-token-") && o.GetNamespace() == "kube-system":
		return "It holds a token with which nodes join, which the control plane reads through the API."
	case owned(o) != "":
		return "It belongs to " + owned(o) + ", and goes with it."
	}
	return ""
}

// secretsUsed lists, by name, who refers to Secrets of a namespace.
func secretsUsed(n *index.Namespace) map[string]string {
	used := map[string]string{}
	note := func(name, by string) {
		if name != "" && used[name] == "" {
			used[name] = by
		}
	}
	for _, p := range n.Pods() {
		kind := "Pod"
		if p.Template {
			kind = p.Owner
		}
		for _, name := range p.Secrets {
			note(name, kind+" "+p.Name)
		}
	}
	for _, o := range n.Objects(accountKind) {
		account, ok := o.Object.(*corev1.ServiceAccount)
		if !ok {
			continue
		}
		for _, ref := range account.Secrets {
			note(ref.Name, "ServiceAccount "+account.Name)
		}
		for _, ref := range account.ImagePullSecrets {
			note(ref.Name, "ServiceAccount "+account.Name)
		}
	}
	for _, o := range n.Objects(ingressKind) {
		ingressSecrets(o, func(name string) { note(name, "Ingress "+o.GetName()) })
	}
	for ref, by := range usedElsewhere(n.Index) {
		if ref.namespace == n.Name || ref.namespace == anyNamespace {
			note(ref.name, by)
		}
	}
	return used
}
