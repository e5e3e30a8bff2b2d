package container

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// writableRootFilesystem fails where a container may change the files of its image.
//
// Fields: securityContext.readOnlyRootFilesystem of the container; os,
// nodeSelector and affinity, for the system of the nodes.
func writableRootFilesystem() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "writable-root-filesystem",
			Title:    "Root file system can be written",
			Severity: finding.Low,
			Description: "The container can write anywhere in its root file system. Somebody who has broken in can put tools there, replace the program, " +
				"and what was changed is in no image that anybody reviewed.",
			Check: "securityContext.readOnlyRootFilesystem of the container must be true. Windows has no such setting.",
			Fix: "Make it read-only, and mount an emptyDir where the program must write:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        readOnlyRootFilesystem: true\n" +
				"      volumeMounts:\n" +
				"      - name: tmp\n" +
				"        mountPath: /tmp\n" +
				"    volumes:\n" +
				"    - name: tmp\n" +
				"      emptyDir: {}\n",
			References: references("writable-root-filesystem", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.readOnlyRootFilesystem"), "spec.os.name", "spec.nodeSelector", "spec.affinity.nodeAffinity"),
		Judge:  running(finding.Low, judgeRootFilesystem),
	}
}

func judgeRootFilesystem(v check.View) check.Verdict {
	var set *bool
	if v.Container.Security != nil {
		set = v.Container.Security.ReadOnlyRootFilesystem
	}
	out := failIf(set == nil || !*set, finding.Low)
	if out.Status == finding.Fail && workload.OS(v.Spec) == corev1.Windows {
		return notApplicable(finding.Low, "Windows has no read-only root file systems.")
	}
	if v.Brief {
		return out
	}
	switch {
	case out.Status == finding.Pass:
		out.Message = "The root file system is read-only."
	case set == nil:
		out.Message = "The root file system can be written: readOnlyRootFilesystem is not set."
	default:
		out.Message = "The root file system can be written: readOnlyRootFilesystem is false."
	}
	out.Basis = []finding.Basis{v.Declared("readOnlyRootFilesystem", false, check.Bool(set))}
	return out
}
