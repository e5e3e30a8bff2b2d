package pod

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

var (
	claimKind         = schema.GroupKind{Group: "resource.k8s.io", Kind: "ResourceClaim"}
	claimTemplateKind = schema.GroupKind{Group: "resource.k8s.io", Kind: "ResourceClaimTemplate"}
)

// deviceAdminAccess fails where pods are given devices that others use.
//
// Fields: spec.devices.requests[*].exactly.adminAccess of ResourceClaims, and
// the same below spec.spec of ResourceClaimTemplates; adminAccess stood in the
// request itself up to v1beta1.
func deviceAdminAccess() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "device-admin-access", Title: "Devices are claimed with administrator access", Severity: finding.Medium,
			Description: "The claim asks for devices with administrator access: pods that use it get them although other pods have them, and may get more rights on them than a usual claim gives. " +
				"They can look at the work of others, or disturb it. It is meant for watching over the devices.",
			Check: "adminAccess true in any device request of a ResourceClaim or a ResourceClaimTemplate fails. A claim that was made from a template for a pod is not judged apart from the template.",
			Fix: "Claim devices without administrator access, unless the pod's task is to watch over them:\n\n" +
				"    apiVersion: resource.k8s.io/v1\n    kind: ResourceClaimTemplate\n    metadata:\n      name: gpu\n    spec:\n      spec:\n        devices:\n          requests:\n          - name: gpu\n            exactly:\n              deviceClassName: gpu.example.com\n",
			References: references("device-admin-access", "concepts/scheduling-eviction/dynamic-resource-allocation/"),
		},
		Fields: []string{
			"spec.devices.requests[*].exactly.adminAccess", "spec.devices.requests[*].adminAccess",
			"spec.spec.devices.requests[*].exactly.adminAccess", "spec.spec.devices.requests[*].adminAccess",
		},
		Kinds:       []schema.GroupKind{claimKind, claimTemplateKind},
		JudgeObject: judgeClaim,
	}
}

func judgeClaim(o *index.Object, _ *index.Index) check.Verdict {
	const severity = finding.Medium
	path, fields := "spec.devices.requests", []string{"spec", "devices", "requests"}
	switch o.GroupKind() {
	case claimKind:
		for _, owner := range o.GetOwnerReferences() {
			if owner.Kind == "Pod" && owner.Controller != nil && *owner.Controller {
				return notApplicable(severity, "The claim was made for a pod from a template, which is judged itself.")
			}
		}
	case claimTemplateKind:
		path, fields = "spec."+path, append([]string{"spec"}, fields...)
	default:
		return notApplicable(severity, "It claims no devices.")
	}
	u, ok := o.Object.(*unstructured.Unstructured)
	if !ok {
		return notApplicable(severity, "It claims no devices.")
	}
	out := declared(false, severity)
	requests, _, err := unstructured.NestedSlice(u.Object, fields...)
	raw, _, _ := unstructured.NestedFieldNoCopy(u.Object, fields...)
	if err != nil && raw != nil { // an API server writes null where there are none
		out.Status, out.Message = finding.Error, "The field "+path+" is not a list, so the claim could not be judged."
		out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: path, Value: excerpt.Of(fmt.Sprint(raw), 40)}}
		return out
	}
	for i, r := range requests {
		request, _ := r.(map[string]any)
		at := fmt.Sprintf("%s[%d].adminAccess", path, i)
		admin, _, _ := unstructured.NestedBool(request, "adminAccess")
		if exactly, ok, _ := unstructured.NestedMap(request, "exactly"); ok && !admin {
			at = fmt.Sprintf("%s[%d].exactly.adminAccess", path, i)
			admin, _, _ = unstructured.NestedBool(exactly, "adminAccess")
		}
		if admin {
			out.Status = finding.Fail
			out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Declared, Field: at, Value: "true"})
		}
	}
	out.Message = "No device is claimed with administrator access."
	if out.Status == finding.Fail {
		out.Message = "Pods that use the claim get devices with administrator access: also those that other pods are using."
		return out
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: path + "[*].exactly.adminAccess", Value: check.Unset}}
	return out
}
