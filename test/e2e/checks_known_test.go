package e2e

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// refusals are the fixtures that the API server does not take, with its reason.
var refusals = map[string]string{
	"access/testdata/rbac-missing-account/fail/gone.yaml":                                   "subjects[0].namespace: Required value",
	"access/testdata/rbac-missing-account/fail/nowhere-in-files.yaml":                       "subjects[0].namespace: Required value",
	"access/testdata/rbac-secrets-access/fail/old-version.yaml":                             "the server could not find the requested resource",
	"cluster/testdata/admission-policy-fails-open/pass/unset.yaml":                          "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
	"cluster/testdata/api-version-deprecated/fail/will-go.yaml":                             "the server could not find the requested resource",
	"cluster/testdata/api-version-removed/fail/crd.yaml":                                    "the server could not find the requested resource",
	"cluster/testdata/api-version-removed/fail/deployment.yaml":                             "the server could not find the requested resource",
	"cluster/testdata/api-version-removed/fail/ingress.yaml":                                "the server could not find the requested resource",
	"cluster/testdata/api-version-removed/fail/nothing-known.yaml":                          "the server could not find the requested resource",
	"cluster/testdata/api-version-removed/fail/removed-without-replacement-named.yaml":      "the server could not find the requested resource",
	"cluster/testdata/persistent-volume-host-path/fail/dots.yaml":                           `spec.hostPath.path: Invalid value: "/data/../etc": must not contain '..'`,
	"cluster/testdata/pod-security-admission-missing/pass/empty-value.yaml":                 `metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "": must be one of privileged, baseline, restricted`,
	"cluster/testdata/pod-security-admission-missing/pass/unreadable.yaml":                  `metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "Baseline": must be one of privileged, baseline, restricted`,
	"cluster/testdata/pod-security-labels-unreadable/fail/level.yaml":                       `metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "Baseline": must be one of privileged, baseline, restricted`,
	"cluster/testdata/pod-security-labels-unreadable/fail/several.yaml":                     `metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid value: "1.30": must be "latest" or "v1.x"`,
	"cluster/testdata/pod-security-version-old/pass/unreadable.yaml":                        `metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid value: "1.30": must be "latest" or "v1.x"`,
	"cluster/testdata/webhook-outside-cluster/fail/not-https.yaml":                          `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme`,
	"cluster/testdata/webhook-outside-cluster/fail/unreadable.yaml":                         `webhooks[0].clientConfig.url: Required value: url must be a valid URL: parse "https://%zz": invalid URL escape "%zz"`,
	"cluster/testdata/webhook-outside-cluster/pass/loopback.yaml":                           `webhooks[1].name: Duplicate value: "pods.policy.example"`,
	"cluster/testdata/webhook-outside-cluster/pass/service-url.yaml":                        `webhooks[1].name: Duplicate value: "pods.policy.example"`,
	"cluster/testdata/webhook-side-effects/fail/unknown.yaml":                               `webhooks[0].sideEffects: Unsupported value: "Unknown"`,
	"cluster/testdata/webhook-timeout/fail/one-of-three.yaml":                               `webhooks[0].name: Invalid value: "a.x": should be a domain with at least three segments separated by dots`,
	"cluster/testdata/webhook-timeout/fail/too-long.yaml":                                   "webhooks[0].timeoutSeconds: Invalid value: 60: the timeout value must be between 1 and 30 seconds",
	"container/testdata/apparmor-unconfined/fail/annotation-for-nobody.yaml":                `metadata.annotations[container.apparmor.security.beta.kubernetes.io/gone]: Invalid value: "gone": container not found`,
	"container/testdata/apparmor-unconfined/fail/empty-annotation.yaml":                     "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
	"container/testdata/apparmor-unconfined/fail/unknown-annotation-and-pod.yaml":           `invalid AppArmor profile name: "strict"`,
	"container/testdata/apparmor-unconfined/fail/unknown-annotation.yaml":                   `invalid AppArmor profile name: "strict"`,
	"container/testdata/apparmor-unconfined/fail/own-over-annotation.yaml":                  "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
	"container/testdata/apparmor-unconfined/fail/unknown-type.yaml":                         `spec.containers[0].securityContext.appArmorProfile.type: Unsupported value: "None"`,
	"container/testdata/host-port/fail/host-port.yaml":                                      "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
	"container/testdata/image-latest-tag/fail/pull-policies.yaml":                           `spec.containers[3].imagePullPolicy: Unsupported value: "Sometimes"`,
	"container/testdata/proc-mount-unmasked/fail/every-kind.yaml":                           "spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`",
	"container/testdata/run-as-root/fail/linux-ignores-windows-options.yaml":                "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
	"container/testdata/run-as-root/fail/reported-0-out-of-range.yaml":                      "spec.containers[0].securityContext.runAsUser: Invalid value: 4294967296: must be between 0 and 2147483647, inclusive",
	"container/testdata/run-as-root/fail/windows-empty-name.yaml":                           `spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "": runAsUserName cannot be an empty string`,
	"container/testdata/run-as-root/pass/windows-host-process-false-over-pod.yaml":          "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true",
	"container/testdata/seccomp-unconfined/fail/unknown-type.yaml":                          `spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "Confined"`,
	"container/testdata/windows-host-process/fail/few-rights.yaml":                          "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
	"container/testdata/windows-host-process/fail/linux.yaml":                               "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
	"container/testdata/windows-host-process/fail/nobody-goes-by-the-pod.yaml":              "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true",
	"network/testdata/service-node-port/fail/node-port.yaml":                                "spec.ports[0].name: Required value",
	"pod/testdata/device-admin-access/fail/old-version.yaml":                                "the server could not find the requested resource",
	"pod/testdata/host-path-volume/fail/not-clean.yaml":                                     `spec.volumes[0].hostPath.path: Invalid value: "/data/..//etc/./kubernetes": must not contain '..'`,
	"pod/testdata/system-priority-class/pass/another.yaml":                                  "is forbidden: no PriorityClass with name important was found",
	"pod/testdata/volume-type-not-allowed/fail/beside-host-path.yaml":                       `spec.volumes[2].iscsi.iqn: Invalid value: "b": must be valid format starting with iqn, eui, or naa`,
	"sensitive/testdata/secret-unused/pass/old-ingress.yaml":                                "the server could not find the requested resource",
	"sensitive/testdata/service-account-token-long-lived/fail/type-without-annotation.yaml": "metadata.annotations[kubernetes.io/service-account.name]: Required value",
	"sensitive/testdata/service-account-token-long-lived/pass/other-type.yaml":              "data[.dockercfg]: Required value",
}

// differs are the fixtures about which the cluster, or the file, says something
// else than the check's own test, with the reason.
var differs = map[string]string{
	"access/testdata/service-account-missing/fail/gone.yaml":                 "every namespace has a default account",
	"access/testdata/service-account-token-mounted/fail/files.yaml":          "in a cluster, an account that is not there is known not to be there",
	"access/testdata/service-account-token-mounted/pass/cluster.yaml":        "the server adds the token's volume to a pod that has none",
	"cluster/testdata/api-service-unavailable/fail/no-endpoints.yaml":        "the server itself finds out what it reaches: here the Service is missing",
	"cluster/testdata/api-service-unavailable/pass/available.yaml":           "the server itself finds out what it reaches: here the Service is missing",
	"cluster/testdata/api-version-deprecated/fail/endpoints.yaml":            "Endpoints are not read in a cluster: controllers make them",
	"cluster/testdata/api-version-deprecated/pass/current.yaml":              "the server serves what it has under every version; a file has one",
	"cluster/testdata/api-version-removed/fail/applied.yaml":                 "what was applied last is known only in a cluster",
	"cluster/testdata/api-version-removed/pass/current.yaml":                 "the server serves what it has under every version; a file has one",
	"cluster/testdata/webhook-blocks-own-namespace/fail/in-files.yaml":       "in a cluster, pods of the webhook that are not there are known not to be there",
	"pod/testdata/node-name-set/fail/pod.yaml":                               "in a cluster, every pod has a node in the end, whoever chose it",
	"sensitive/testdata/service-account-token-long-lived/fail/in-files.yaml": "the control plane deletes tokens of accounts that are not there",
}

// waysOn are the checks that say more where a right leads on to others: what
// there is to lead on to, depends on all that is in the cluster, and on what is
// known. Only the status is compared.
var waysOn = []string{
	"rbac-secrets-access", "rbac-create-pods", "rbac-pods-exec", "rbac-token-creation", "rbac-create-persistent-volumes", "rbac-nodes-proxy",
	"rbac-namespace-admin", "rbac-patch-namespaces",
}

// elsewhere are the checks that can't both fail and pass here, with the reason.
var elsewhere = map[string]string{
	"api-service-unavailable":        "one that is available is a whole server of its own",
	"api-version-deprecated":         "the server serves what it has under every version",
	"image-tag-drift":                "it compares what kubelets report (TestRollout)",
	"pod-security-labels-unreadable": "the server takes no such label any more",
	"webhook-side-effects":           "the server takes no such webhook any more",
}

// disturbs reports whether the objects of a fixture may change what is said
// about another.
func disturbs(f, other *fixture) bool {
	if slices.ContainsFunc(f.objects, func(o *unstructured.Unstructured) bool { return other.has(o) }) {
		return true
	}
	if other.alone() || other.check.JudgeObject != nil {
		return false
	}
	if f.check == other.check && slices.Contains(namespaceMatters, f.check.ID) || f.check == other.check && f.check.ID == "rbac-aggregation" {
		return true
	}
	if f.forEverybody() && !other.forEverybody() && strings.HasPrefix(other.file, "access/") {
		return true
	}
	kinds := f.global()
	if other.check.ID == "admission-policy-missing" && kinds["ValidatingAdmissionPolicy"] {
		return true
	}
	return slices.ContainsFunc(other.check.Kinds, func(k schema.GroupKind) bool { return forAll[k.Kind] && kinds[k.Kind] })
}

// forAll are the kinds of which each object matters to every pod.
var forAll = map[string]bool{
	"RuntimeClass": true, "ClusterNetworkPolicy": true, "AdminNetworkPolicy": true, "BaselineAdminNetworkPolicy": true, "GlobalNetworkPolicy": true,
	"CiliumClusterwideNetworkPolicy": true,
}

// has reports whether one of the fixture's objects has the same name.
func (f *fixture) has(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(f.objects, func(mine *unstructured.Unstructured) bool {
		if o.GetKind() == "Service" && mine.GetKind() == "Service" && slices.ContainsFunc(nodePorts(o), func(p any) bool { return slices.Contains(nodePorts(mine), p) }) {
			return true
		}
		return mine.GetKind() == o.GetKind() && mine.GetNamespace() == o.GetNamespace() && mine.GetName() == o.GetName() && o.GetKind() != "Namespace"
	})
}

// nodePorts are those that a Service asks for: each is given once.
func nodePorts(o *unstructured.Unstructured) (all []any) {
	ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
	for _, p := range ports {
		if p, _ := p.(map[string]any); p["nodePort"] != nil {
			all = append(all, p["nodePort"])
		}
	}
	return all
}

// forEverybody reports whether the fixture gives rights to accounts of other fixtures.
func (f *fixture) forEverybody() bool {
	for _, o := range f.objects {
		subjects, _ := o.Object["subjects"].([]any)
		for _, s := range subjects {
			s, _ := s.(map[string]any)
			name, _ := s["name"].(string)
			if o.GetKind() == "ClusterRoleBinding" && (name == "system:authenticated" || name == "system:unauthenticated" || name == "system:anonymous" || strings.HasPrefix(name, "system:serviceaccounts") && strings.Count(name, ":") == 1) {
				return true
			}
		}
	}
	return false
}
