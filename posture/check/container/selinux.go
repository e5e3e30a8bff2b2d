package container

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// seLinuxOptions fails where a container chooses an SELinux type, user or role
// that containers should not have.
//
// Fields: securityContext.seLinuxOptions of pod and container.
func seLinuxOptions() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "selinux-options",
			Title:    "SELinux label of its own",
			Severity: finding.Medium,
			Description: "The container chooses an SELinux user, role or type of its own. On nodes with SELinux the label is what keeps containers from the files of the node and of each other; " +
				"another label can open what the usual one keeps shut.",
			Check: "The options that take effect are the container's, else the pod's, as a whole. They fail where the Pod Security Standards (baseline) do not let them through: " +
				"a user, a role, or a type other than those for containers. The type spc_t, which nothing confines, is high. " +
				"Where the pod's own options are such but every container has better ones, the first container says so (low), because the standards still deny the pod.",
			Fix: "Leave the label to the runtime, or choose a type made for containers and no user or role, in the pod and in its containers:\n\n" +
				"    spec:\n" +
				"      securityContext:\n" +
				"        seLinuxOptions:\n" +
				"          type: container_t\n",
			References: references("selinux-options", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.seLinuxOptions"), "spec.securityContext.seLinuxOptions"),
		Judge:  running(finding.Medium, judgeSELinux),
	}
}

// unconfinedType is the SELinux type of containers that nothing confines.
const unconfinedType = "spc_t"

func judgeSELinux(v check.View) check.Verdict {
	in := inheritable{
		control: "seLinuxOptions",
		own:     func(c *corev1.SecurityContext) bool { return c.SELinuxOptions != nil },
		pod:     func(p *corev1.PodSecurityContext) bool { return p.SELinuxOptions != nil },
	}
	at := in.denied(&v)
	out := failIf(at != nowhere, finding.Medium)
	var options *corev1.SELinuxOptions
	fromPod := at == unused || !in.has(v.Container.Security) && in.podHas(v.Spec)
	switch {
	case fromPod:
		options = v.Spec.SecurityContext.SELinuxOptions
	case in.has(v.Container.Security):
		options = v.Container.Security.SELinuxOptions
	}
	switch {
	case at == unused:
		out.Severity = finding.Low
	case at != nowhere && options.Type == unconfinedType:
		out.Severity = finding.High
	}
	if !v.Brief {
		out.Basis = seLinuxBasis(&v, options, fromPod)
		switch {
		case at == unused:
			out.Message = "The pod's own SELinux options are not those of an ordinary container." + unusedWords
		case at != nowhere && options.Type == unconfinedType:
			out.Message = "SELinux does not confine it: its type is spc_t."
		case at != nowhere:
			out.Message = fmt.Sprintf("Has an SELinux label that is not that of an ordinary container: %s.", values(out.Basis))
		case options == nil:
			out.Message = "The runtime chooses the SELinux label."
		default:
			out.Message = "Has an SELinux label that ordinary containers have."
		}
	}
	softenWindows(&v, &out, finding.Low)
	return out
}

// seLinuxBasis lists the options that are set.
func seLinuxBasis(v *check.View, o *corev1.SELinuxOptions, fromPod bool) []finding.Basis {
	if o == nil {
		o = &corev1.SELinuxOptions{}
	}
	var basis []finding.Basis
	for _, f := range []struct{ name, value string }{{"type", o.Type}, {"user", o.User}, {"role", o.Role}} {
		if f.value != "" {
			basis = append(basis, v.Declared("seLinuxOptions."+f.name, fromPod, f.value))
		}
	}
	if basis == nil {
		basis = append(basis, v.Declared("seLinuxOptions.type", fromPod, check.Unset))
	}
	return basis
}
