package sensitive

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// configMapUnused fails where nothing refers to a ConfigMap.
func configMapUnused() *check.Check {
	const id = "config-map-unused"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "ConfigMap that nothing refers to",
			Severity: finding.Info,
			Description: "No pod uses the ConfigMap any more, as far as can be seen. Settings that are left over mislead whoever looks for those in force, " +
				"and what they tell about the insides of a program is there for everybody who may read ConfigMaps.",
			Check: "Looks for the ConfigMap's name in pods and pod templates of its namespace (environment and volumes). Programs that read it through the API, and custom resources, are not looked at. " +
				"Not applicable: those that a controller puts into every namespace (such as kube-root-ca.crt), all of Kubernetes' own namespaces, records of leader elections, and what belongs to another object. " +
				"In files, and where only a part of the cluster was asked for, one that nothing refers to is not-reviewed.",
			Fix: "Make sure that no program reads it, and delete it:\n\n" +
				"    apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: old-settings\n      namespace: shop\n",
			References: references(id, "https://kubernetes.io/docs/concepts/configuration/configmap/"),
		},
		Fields: []string{
			"metadata.name", "metadata.ownerReferences", "metadata.annotations['control-plane.alpha.kubernetes.io/leader']",
			"spec.containers[*].env[*].valueFrom.configMapKeyRef.name", "spec.containers[*].envFrom[*].configMapRef.name",
			"spec.volumes[*].configMap.name", "spec.volumes[*].projected.sources[*].configMap.name",
		},
		Kinds:           []schema.GroupKind{configMapKind},
		OptIn:           check.ReadConfigMaps,
		SurveyNamespace: surveyConfigMaps,
	}
}

func surveyConfigMaps(n *index.Namespace, yield check.Yield) {
	all := n.Objects(configMapKind)
	if len(all) == 0 {
		return
	}
	used := map[string]string{}
	for _, p := range n.Pods() {
		kind := "Pod"
		if p.Template {
			kind = p.Owner
		}
		for _, name := range p.ConfigMaps {
			if used[name] == "" {
				used[name] = kind + " " + p.Name
			}
		}
	}
	for _, o := range all {
		name := o.GetName()
		if why := readByOthers(o); why != "" {
			yield(o, say(finding.NotApplicable, finding.Info, why))
		} else if by := used[name]; by != "" {
			yield(o, say(finding.Pass, finding.Info, by+" refers to it.", declared("metadata.name", name)))
		} else {
			yield(o, unused(n, name))
		}
	}
}

// readByOthers says why no pod needs to refer to a ConfigMap; empty where one should.
func readByOthers(o *index.Object) string {
	switch o.GetName() {
	case "kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert":
		return "A controller puts it into every namespace."
	}
	switch o.GetNamespace() {
	case "kube-system", "kube-public", "kube-node-lease":
		return "Components of the cluster read those of its own namespaces through the API."
	}
	if o.GetAnnotations()["control-plane.alpha.kubernetes.io/leader"] != "" {
		return "It records who leads, and programs read it through the API."
	}
	if owner := owned(o); owner != "" {
		return "It belongs to " + owner + ", and goes with it."
	}
	return ""
}
