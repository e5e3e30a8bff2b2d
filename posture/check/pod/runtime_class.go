package pod

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

var runtimeClassKind = schema.GroupKind{Group: "node.k8s.io", Kind: "RuntimeClass"}

// runtimeClassNotSandboxed fails where a cluster has a sandboxed runtime, and a
// pod does not use it.
//
// Fields: spec.runtimeClassName, and metadata.name and handler of RuntimeClasses.
func runtimeClassNotSandboxed() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "runtime-class-not-sandboxed", Title: "Pod does not use the cluster's sandboxed runtime", Severity: finding.Info,
			Description: "The cluster has a runtime that puts a second wall between containers and the node's kernel, such as gVisor or Kata Containers, and this pod does without it. " +
				"It talks to the node's kernel directly: a hole in that is a way out. For pods that run what others have written or sent, the second wall is worth having.",
			Check: "The RuntimeClasses whose name or handler speaks of gVisor (runsc), Kata, Firecracker or krun count as sandboxed. A pod whose runtimeClassName names none of them fails. " +
				"Where there is no such class, and for pods that share namespaces or paths of their node, the check does not apply. In files, classes may be missing that the cluster has.",
			Fix:        "Let pods that run what others have written use the sandboxed runtime:\n\n    spec:\n      runtimeClassName: gvisor\n",
			References: references("runtime-class-not-sandboxed", "concepts/containers/runtime-class/"),
		},
		Fields: []string{"spec.runtimeClassName", "handler", "metadata.name"},
		Kinds:  []schema.GroupKind{runtimeClassKind},
		Join:   joinRuntimeClass,
	}
}

// classes holds the names of all RuntimeClasses, and whether they are sandboxed.
type classes struct {
	known map[string]bool
	any   string // one that is
}

type classesKey struct{}

func joinRuntimeClass(j *check.Joint) check.Verdict {
	const severity = finding.Info
	if j.HostNetwork || j.ReachesNode || j.Mirror {
		return notApplicable(severity, "The pod shares something of its node, which a sandbox would keep from it.")
	}
	all := index.Memo(j.Index, classesKey{}, func() classes { return classesOf(j.Index) })
	out := declared(false, severity)
	value := check.OrUnset(j.RuntimeClass)
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: j.SpecPath + ".runtimeClassName", Value: value}}
	sandboxed, known := all.known[j.RuntimeClass]
	switch {
	case sandboxed:
		out.Message = "The pod runs in a sandboxed runtime: " + j.RuntimeClass + "."
	case !j.Live && !known && j.RuntimeClass != "":
		out.Status, out.Message = finding.NotReviewed, "The RuntimeClass "+j.RuntimeClass+" is not in the files, so nobody can say here whether it is a sandbox."
	case all.any == "" && j.Live:
		return notApplicable(severity, "The cluster has no sandboxed runtime.")
	case all.any == "":
		out.Status, out.Message = finding.NotReviewed, "There is no sandboxed RuntimeClass in the files. The cluster that they are made for may have one."
	default:
		out.Status, out.Message = finding.Fail, "The cluster has a sandboxed runtime ("+all.any+"), and the pod does not use it: it talks to the node's kernel directly."
	}
	return out
}

func classesOf(x *index.Index) classes {
	all := classes{known: map[string]bool{}}
	for _, o := range x.Objects(runtimeClassKind) {
		handler := ""
		if u, ok := o.Object.(*unstructured.Unstructured); ok {
			handler, _, _ = unstructured.NestedString(u.Object, "handler")
		}
		sandboxed := isSandbox(o.GetName()) || isSandbox(handler)
		all.known[o.GetName()] = sandboxed
		if sandboxed && all.any == "" {
			all.any = o.GetName()
		}
	}
	return all
}

func isSandbox(name string) bool {
	name = strings.ToLower(name)
	for _, known := range []string{"runsc", "gvisor", "kata", "firecracker", "krun"} {
		if strings.Contains(name, known) {
			return true
		}
	}
	return false
}
