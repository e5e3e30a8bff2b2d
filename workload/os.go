package workload

import corev1 "k8s.io/api/core/v1"

// osLabels are the labels by which a node says what its system is. Kubelets
// still write the second one too.
var osLabels = [...]string{corev1.LabelOSStable, "beta.kubernetes.io/os"}

// OS is the operating system of the nodes that a pod can run on, as far as the
// spec says: spec.os, or what nodeSelector or the required node affinity ask of
// the node. The kubelet enforces all three. It is empty where none of them
// speaks of it; what only looks like Windows, such as windowsOptions, is no
// proof, since a Linux node ignores it.
func OS(spec *corev1.PodSpec) corev1.OSName {
	if spec.OS != nil && spec.OS.Name != "" {
		return spec.OS.Name
	}
	if len(spec.NodeSelector) > 0 {
		for _, label := range osLabels {
			if os := spec.NodeSelector[label]; os != "" {
				return corev1.OSName(os)
			}
		}
	}
	if a := spec.Affinity; a != nil && a.NodeAffinity != nil {
		return affinityOS(a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	return ""
}

// affinityOS is the system that every one of the terms asks for; any one of
// them is enough for a node.
func affinityOS(required *corev1.NodeSelector) (os corev1.OSName) {
	if required == nil {
		return ""
	}
	for i := range required.NodeSelectorTerms {
		term := termOS(&required.NodeSelectorTerms[i])
		if term == "" || os != "" && os != term {
			return ""
		}
		os = term
	}
	return os
}

func termOS(term *corev1.NodeSelectorTerm) corev1.OSName {
	for i := range term.MatchExpressions {
		e := &term.MatchExpressions[i]
		if e.Operator != corev1.NodeSelectorOpIn || len(e.Values) != 1 {
			continue
		}
		for _, label := range osLabels {
			if e.Key == label {
				return corev1.OSName(e.Values[0])
			}
		}
	}
	return ""
}
