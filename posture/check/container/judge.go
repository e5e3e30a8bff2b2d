package container

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// Pages of the Kubernetes documentation.
const (
	aboutSecurityContext = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
	aboutStandards       = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	aboutSeccomp         = "https://kubernetes.io/docs/tutorials/security/seccomp/"
	aboutAppArmor        = "https://kubernetes.io/docs/tutorials/security/apparmor/"
	aboutHostProcess     = "https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/"
	aboutImages          = "https://kubernetes.io/docs/concepts/containers/images/"
	aboutProbes          = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
	aboutResources       = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"
	aboutConfiguration   = "https://kubernetes.io/docs/concepts/configuration/overview/"
	aboutSubPath         = "https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath"
	aboutRawBlock        = "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#raw-block-volume-support"
	aboutGoodPractices   = "https://kubernetes.io/docs/concepts/security/secrets-good-practices/"
	aboutContainers      = "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"
)

// references are what the tables of frameworks say about a check, and a page
// of the Kubernetes documentation.
func references(id, page string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: page})
}

// inEvery are the paths of a container's fields, in containers of every kind.
func inEvery(fields ...string) []string {
	var all []string
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		for _, f := range fields {
			all = append(all, "spec."+list+"[*]."+f)
		}
	}
	return all
}

// running makes a judgement about containers one about all there is: an image
// volume runs nothing.
func running(severity finding.Severity, judge func(check.View) check.Verdict) func(check.View) check.Verdict {
	return func(v check.View) check.Verdict {
		if v.Container.Spec == nil {
			return notApplicable(severity, "An image volume runs nothing.")
		}
		return judge(v)
	}
}

func notApplicable(severity finding.Severity, why string) check.Verdict {
	return check.Verdict{Status: finding.NotApplicable, Severity: severity, Evidence: finding.Declared, Message: why}
}

// failIf is a verdict without words.
func failIf(bad bool, severity finding.Severity) check.Verdict {
	out := check.Verdict{Status: finding.Pass, Severity: severity, Evidence: finding.Declared}
	if bad {
		out.Status = finding.Fail
	}
	return out
}

// denied says what the standards have against the container.
func denied(v *check.View, id string) bool {
	return v.Standards.Denies(id, v.Meta, v.Spec, v.Container)
}

// wrongFields are the container's fields that the standards have something
// against, below the container.
func wrongFields(v *check.View, id string) []string {
	control := v.Standards.Control(id)
	if control == nil {
		return nil
	}
	path := v.Container.Path()
	for _, found := range control.Violations(v.Meta, v.Spec) {
		if found.Path != path {
			continue
		}
		fields := make([]string, 0, len(found.Fields))
		for _, f := range found.Fields {
			if below, ok := cutPath(f, path); ok {
				fields = append(fields, below)
			}
		}
		return fields
	}
	return nil
}

func cutPath(field, path string) (below string, ok bool) {
	if len(field) > len(path) && field[:len(path)] == path && field[len(path)] == '.' {
		return field[len(path)+1:], true
	}
	return "", false
}

// ownUsers reports whether the container's root is an ordinary user of the host.
func ownUsers(v *check.View) bool { return v.Spec.HostUsers != nil && !*v.Spec.HostUsers }

// soften lowers a failed verdict where hostUsers is false, and says why.
func softenOwnUsers(v *check.View, out *check.Verdict, to finding.Severity, why string) {
	if out.Status != finding.Fail || !ownUsers(v) {
		return
	}
	out.Severity = lower(out.Severity, to)
	if !v.Brief {
		out.Message += " hostUsers is false, so " + why
		out.Basis = append(out.Basis, v.InPod("hostUsers", "false"))
	}
}

// softenWindows lowers a failed verdict about a setting that only Linux has,
// in a pod for Windows nodes.
func softenWindows(v *check.View, out *check.Verdict, to finding.Severity) {
	if out.Status != finding.Fail || workload.OS(v.Spec) != corev1.Windows {
		return
	}
	out.Severity = lower(out.Severity, to)
	if v.Brief {
		return
	}
	out.Message += " The pod is for Windows nodes, where this has no effect."
	if v.Spec.OS != nil && v.Spec.OS.Name == corev1.Windows {
		out.Basis = append(out.Basis, v.InPod("os.name", "windows"))
	}
}

// declaresWindows: spec.os says it, which is what the standards go by.
func declaresWindows(v *check.View) bool {
	return v.Spec.OS != nil && v.Spec.OS.Name == corev1.Windows
}

// lower is the lesser of two severities.
func lower(a, b finding.Severity) finding.Severity {
	if a.Rank() > b.Rank() {
		return a
	}
	return b
}

// higher is the graver of two severities.
func higher(a, b finding.Severity) finding.Severity {
	if a.Rank() < b.Rank() {
		return a
	}
	return b
}

// annotationPath is the path of one of the pod's annotations in the object.
func annotationPath(v *check.View, key string) string {
	return pss.FieldPath(v.SpecPath, "metadata.annotations['"+key+"']")
}
