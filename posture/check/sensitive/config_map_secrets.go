package sensitive

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/credential"
	"github.com/kubeassay/assay/posture/index"
)

// configMapSecrets fails where a password or key stands in a ConfigMap.
func configMapSecrets() *check.Check {
	const id = "secrets-in-config-map"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Password or key in a ConfigMap",
			Severity: finding.High,
			Description: "A password, token or key stands in a ConfigMap. ConfigMaps are not encrypted where Secrets are, and many more people and programs may read them: " +
				"the role view, for one, lets its holders read all ConfigMaps and no Secret.",
			Check: "Each entry is searched for well-known forms (private keys, tokens of cloud providers and services, addresses with a password in them), for assignments to names that speak of a credential, " +
				"and, where its own name does so, for a value that is one. Certificates and public keys don't count. Where a value only looks random under a name that could hold a key, it is medium. " +
				"Entries of more than one mebibyte are not there: no API server takes them. Nobody tries whether a credential works, and no value is ever shown or kept.",
			Fix: "Replace the credential, for it has been seen, and put the new one into a Secret:\n\n" +
				"    apiVersion: v1\n    kind: Secret\n    metadata:\n      name: database\n      namespace: shop\n    stringData:\n      password: <the new one>\n",
			References: references(id, "https://kubernetes.io/docs/concepts/configuration/configmap/"),
		},
		Fields:      []string{"data", "binaryData"},
		Kinds:       []schema.GroupKind{configMapKind},
		OptIn:       check.ReadConfigMaps,
		JudgeObject: judgeConfigMap,
	}
}

// hidden stands for a value that is never shown.
const hidden = "(not shown)"

func judgeConfigMap(o *index.Object, _ *index.Index) check.Verdict {
	m, ok := o.Object.(*corev1.ConfigMap)
	if !ok {
		return say(finding.NotReviewed, finding.High, "Only version v1 of ConfigMaps is read.", declared("apiVersion", o.APIVersion))
	}
	var sure, likely []string
	var basis []finding.Basis
	look := func(field, key, value string) {
		found, ok := credential.InSetting(key, value)
		if !ok {
			return
		}
		said := key + " holds " + found.Kind
		at := declared(field+"['"+key+"']", hidden)
		if found.Sure {
			sure = append(sure, said)
			basis = slices.Insert(basis, len(sure)-1, at)
		} else {
			likely = append(likely, said)
			basis = append(basis, at)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		look("data", key, m.Data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(m.BinaryData)) {
		look("binaryData", key, string(m.BinaryData[key]))
	}
	if len(basis) == 0 {
		return say(finding.Pass, finding.High, "No password and no key was found in it.", declared("metadata.name", m.Name))
	}
	severity := finding.High
	if len(sure) == 0 {
		severity = finding.Medium
	}
	all := slices.Concat(sure, likely)
	text := "In plain text: " + strings.Join(all[:min(len(all), named)], "; ")
	if more := len(all) - named; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return say(finding.Fail, severity, text+".", basis[:min(len(basis), basisKept)]...)
}

// named and basisKept bound how many entries a message names, and a verdict
// points to.
const (
	named     = 3
	basisKept = 8
)
