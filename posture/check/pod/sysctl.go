package pod

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// unsafeSysctl fails where a pod sets kernel parameters that are not known to
// stay inside the pod.
//
// Fields: spec.securityContext.sysctls[*].name.
func unsafeSysctl() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "unsafe-sysctl", Title: "Pod sets unsafe kernel parameters", Severity: finding.Medium,
			Description: "The pod sets kernel parameters that are not on the short list of safe ones. They may reach beyond the pod: " +
				"other pods of the node can run short of memory or connections, and protections of the kernel can be weakened. A node runs such a pod only if its kubelet was told to allow the parameter.",
			Check: "The Pod Security Standards' own check of sysctls (baseline), in the version of the server, decides about each name in securityContext.sysctls.",
			Fix: "Set only parameters that the Pod Security Standards call safe:\n\n" +
				"    spec:\n      securityContext:\n        sysctls:\n        - name: net.ipv4.ip_local_port_range\n          value: 32768 60999\n",
			References: references("unsafe-sysctl", "tasks/administer-cluster/sysctl-cluster/"),
		},
		Fields:   []string{"spec.securityContext.sysctls[*].name"},
		JudgePod: judgeSysctl,
	}
}

func judgeSysctl(v check.View) check.Verdict {
	sc := v.Spec.SecurityContext
	set := sc != nil && len(sc.Sysctls) > 0
	out := declared(set && denies(&v, "sysctls", v.Spec), finding.Medium)
	if v.Brief {
		return out
	}
	if !set {
		out.Message = "The pod sets no kernel parameters."
		out.Basis = []finding.Basis{v.InPod("securityContext.sysctls", check.Unset)}
		return out
	}
	unsafe := map[string]bool{}
	if out.Status == finding.Fail {
		for _, violation := range v.Standards.Control("sysctls").Violations(v.Meta, v.Spec) {
			for _, f := range violation.Fields {
				unsafe[f] = true
			}
		}
	}
	all := out.Status == finding.Pass || len(unsafe) == 0
	var names []string
	for i := range sc.Sysctls {
		field := fmt.Sprintf("securityContext.sysctls[%d].name", i)
		if all || unsafe[field] {
			names = append(names, sc.Sysctls[i].Name)
			out.Basis = append(out.Basis, v.InPod(field, check.OrUnset(sc.Sysctls[i].Name)))
		}
	}
	out.Message = "All kernel parameters that the pod sets are safe ones: " + strings.Join(names, ", ") + "."
	if out.Status == finding.Fail {
		out.Message = "The pod sets kernel parameters that are not known to stay inside it: " + strings.Join(names, ", ") + ". Other pods of the node may feel it."
	}
	return out
}
