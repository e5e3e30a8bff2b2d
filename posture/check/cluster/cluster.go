// Package cluster holds the checks about what stands around workloads:
// namespaces, admission (webhooks and policies), API versions and aggregated
// API servers, persistent volumes, and the versions of nodes.
//
// Roles, networks, pods and what is inside Secrets are not here: see the
// packages beside it.
//
//	for _, c := range cluster.All() {
//		...
//	}
package cluster

import (
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
)

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{
		podSecurityAdmission(), podSecurityLabels(), podSecurityVersion(),
		defaultNamespace(), systemNamespace(), resourceQuota(), limitRange(),
		webhookFailsOpen(), webhookCABundle(time.Now), webhookOutside(), webhookService(), webhookLockOut(),
		webhookMatchExact(), webhookReceivesSecrets(), webhookSideEffects(), webhookTimeout(),
		policyFailsOpen(), policyUnbound(), bindingWithoutPolicy(), bindingWithoutDeny(),
		apiRemoved(), apiDeprecated(), apiServiceTLS(), apiServiceUnavailable(),
		persistentVolumeHostPath(), nodeVersion(),
	}
}

// references are the items of frameworks that a check serves, and the page of
// the Kubernetes documentation that says more.
func references(id, url string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: url})
}

// say is a verdict that rests on what is declared.
func say(status finding.Status, severity finding.Severity, message string, basis ...finding.Basis) check.Verdict {
	return check.Verdict{Status: status, Severity: severity, Evidence: finding.Declared, Message: message, Basis: basis}
}

// declared is one declared field.
func declared(field, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: field, Value: value}
}

// label and annotation are the paths of one label, and one annotation.
func label(key string) string      { return "metadata.labels['" + key + "']" }
func annotation(key string) string { return "metadata.annotations['" + key + "']" }
