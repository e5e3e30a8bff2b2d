package container

import (
	"fmt"
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// imageTagDrift fails where running pods of one template have different
// digests under one tag: proof that the tag was moved.
//
// Fields: status.containerStatuses[*].imageID and those of init and ephemeral
// containers, of running pods.
func imageTagDrift() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "image-tag-drift",
			Title:    "One tag, different images running",
			Severity: finding.Medium,
			Description: "Pods of one and the same template run different images under the same tag. Somebody pushed another image " +
				"under that tag, and some nodes have the old one. The pods do not run the same program, and which one a new pod gets is chance.",
			Check: "The digests in status.containerStatuses[].imageID of running pods of one template are compared where the spec names a tag " +
				"(or nothing) and no digest. Only digests from a registry count. Where the pods' nodes have different architectures, different " +
				"digests can be one and the same release, so they prove nothing; nor do they where the architectures could not be read, unless both run on one node.",
			Fix: "Find out which digest is the right one, and name it, so that every pod runs the same:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      image: registry.example/shop/cart:1.4.2@sha256:<digest>\n",
			References: references("image-tag-drift", aboutImages+"#image-names"),
		},
		Fields:  []string{"status.containerStatuses[*].imageID", "status.initContainerStatuses[*].imageID", "status.ephemeralContainerStatuses[*].imageID"},
		Compare: compareDigests,
	}
}

func compareDigests(c check.Copies) check.Verdict {
	out := check.Verdict{Status: finding.NotApplicable, Severity: finding.Medium, Evidence: finding.Declared}
	if ref, err := c.Images.Parse(c.Image); err != nil {
		out.Message = "The image reference can't be read, so there is no tag to compare."
		return out
	} else if ref.Pinned() {
		out.Message = "The image is named by its digest, so all pods have the same."
		return out
	}
	out.Evidence = finding.Reported
	if len(c.Of) == 0 {
		out.Message = "No running pod reports a digest from a registry, so there is nothing to compare."
		return out
	}
	out.Basis = digests(c.Of)
	proof := differing(c.Of, func(a, b check.Copy) bool { return a.Arch != "" && a.Arch == b.Arch || shareNode(a, b) })
	switch {
	case proof != nil:
		out.Status = finding.Fail
		out.Message = fmt.Sprintf("The tag was moved to another image: under %s, pod %s runs %s and pod %s runs %s.",
			c.Image, proof[0].Pod, short(proof[0].Digest), proof[1].Pod, short(proof[1].Digest))
		out.Basis = digests(carryFirst(c.Of, proof))
	case differing(c.Of, func(check.Copy, check.Copy) bool { return true }) == nil:
		out.Status, out.Message = finding.Pass, "All running pods have the same image."
	case slices.ContainsFunc(c.Of, func(x check.Copy) bool { return x.Arch == "" }):
		out.Status = finding.NotReviewed
		out.Message = fmt.Sprintf("Pods run different images under %s. That proves nothing as long as their nodes' architectures are not known, and those were not read (a scan of a cluster reads them where it may list nodes).", c.Image)
	default:
		out.Status = finding.NotReviewed
		out.Message = fmt.Sprintf("Pods run different images under %s, but only on nodes of different architectures. That can be one and the same release, so it proves nothing.", c.Image)
	}
	return out
}

func shareNode(a, b check.Copy) bool {
	return slices.ContainsFunc(a.Nodes, func(n string) bool { return n != "" && slices.Contains(b.Nodes, n) })
}

// carryFirst puts the copies that prove it before the others.
func carryFirst(all, proof []check.Copy) []check.Copy {
	out := slices.Clone(proof)
	for _, c := range all {
		if !slices.ContainsFunc(proof, func(p check.Copy) bool { return p.Digest == c.Digest && p.Arch == c.Arch }) {
			out = append(out, c)
		}
	}
	return out
}

// differing returns two copies with different digests of which also holds, or nil.
func differing(all []check.Copy, also func(a, b check.Copy) bool) []check.Copy {
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Digest != b.Digest && also(a, b) {
				return []check.Copy{a, b}
			}
		}
	}
	return nil
}

func digests(all []check.Copy) []finding.Basis {
	basis := make([]finding.Basis, len(all))
	for i, c := range all {
		basis[i] = finding.Basis{Evidence: finding.Reported, Field: c.Field, Value: c.ImageID, Object: "Pod/" + c.Pod, Pods: c.Pods}
	}
	return basis
}

// short is enough of a digest to tell two apart.
func short(digest string) string {
	const enough = len("sha256:") + 12
	if len(digest) > enough {
		return digest[:enough]
	}
	return digest
}
