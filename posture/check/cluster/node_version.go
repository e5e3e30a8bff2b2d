package cluster

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

var nodeKind = schema.GroupKind{Kind: "Node"}

// nodeVersion fails where a node's kubelet is older than its API server
// supports, or newer.
func nodeVersion() *check.Check {
	const id = "kubernetes-version-unsupported"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Node with a Kubernetes version that its API server does not support",
			Severity: finding.Medium,
			Description: "The node's kubelet is more than three minor versions older than the API server, or newer than it. Nobody tests that pair, and a kubelet that old gets no more repairs: " +
				"holes in it that are known stay open.",
			Check: "Compares status.nodeInfo.kubeletVersion with the version of the API server (or --target-version): at most three minor versions older passes (two for servers before 1.28), and never newer. " +
				"Patch versions are not compared. Where the server's version is not known it is not-reviewed. Whether the server's own version is still maintained is not looked at.",
			Fix: "Upgrade the node, a few at a time:\n\n" +
				"    apiVersion: v1\n    kind: Node\n    metadata:\n      name: worker-1\n    spec:\n      unschedulable: true\n",
			References: references(id, "https://kubernetes.io/releases/version-skew-policy/"),
		},
		Fields:      []string{"status.nodeInfo.kubeletVersion"},
		Kinds:       []schema.GroupKind{nodeKind},
		JudgeObject: judgeNode,
	}
}

func judgeNode(o *index.Object, x *index.Index) check.Verdict {
	node, ok := o.Object.(*corev1.Node)
	if !ok {
		return say(finding.NotReviewed, finding.Medium, "Only version v1 of nodes is read.", declared("apiVersion", o.APIVersion))
	}
	value := node.Status.NodeInfo.KubeletVersion
	verdict := func(status finding.Status, message string) check.Verdict {
		return check.Verdict{
			Status: status, Severity: finding.Medium, Evidence: finding.Reported, Message: message,
			Basis: []finding.Basis{{Evidence: finding.Reported, Field: "status.nodeInfo.kubeletVersion", Value: check.OrUnset(value)}},
		}
	}
	kubelet, err := version.ParseGeneric(value)
	if err != nil {
		return verdict(finding.NotReviewed, "The node does not report a version of its kubelet that can be read.")
	}
	name := cmp.Or(x.Target, x.Server)
	server, err := version.ParseGeneric(name)
	if err != nil {
		return verdict(finding.NotReviewed, "Which version the API server has is not known.")
	}
	oldest := uint(3)
	if server.Minor() < 28 {
		oldest = 2
	}
	switch {
	case kubelet.Major() != server.Major():
		return verdict(finding.Fail, fmt.Sprintf("The kubelet is of %s and the API server of %s.", value, name))
	case kubelet.Minor() > server.Minor():
		return verdict(finding.Fail, fmt.Sprintf("The kubelet (%s) is newer than the API server (%s).", value, name))
	case kubelet.Minor()+oldest < server.Minor():
		return verdict(finding.Fail, fmt.Sprintf("The kubelet (%s) is %d minor versions older than the API server (%s), which supports %d.",
			value, server.Minor()-kubelet.Minor(), name, oldest))
	}
	return verdict(finding.Pass, fmt.Sprintf("The API server (%s) supports the kubelet (%s).", name, value))
}
