package container

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// imageLatestTag fails where nothing fixes which image runs: no tag and no
// digest, or the tag "latest" without a digest.
//
// Fields: spec.containers[*].image, spec.initContainers[*].image,
// spec.ephemeralContainers[*].image, spec.volumes[*].image.reference, and their
// imagePullPolicy or pullPolicy, which only go into the message.
func imageLatestTag() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "image-latest-tag",
			Title:    "Image without a version",
			Severity: finding.Medium,
			Description: "The image names no version: it has the tag \"latest\", or neither tag nor digest, which means the same. " +
				"What runs is whatever was pushed last when a node pulled it. Two pods of one workload can run different programs, " +
				"a restart can bring in a change that nobody reviewed, and nobody can say afterwards what ran.",
			Check: "The image reference is read as the kubelet reads it. A digest (sha256 or sha512) fixes the image, also beside \"latest\". " +
				"Without a digest, no tag and the tag \"latest\" fail; any other tag passes (tags are case-sensitive: \"LATEST\" is another one). " +
				"A reference that can't be read is an error.",
			Fix: "Name the version, or better the digest, which can't be moved to another image:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      image: registry.example/shop/cart:1.4.2@sha256:<digest>\n",
			References: references("image-latest-tag", aboutImages+"#image-names"),
		},
		Fields: []string{
			"spec.containers[*].image", "spec.initContainers[*].image", "spec.ephemeralContainers[*].image",
			"spec.volumes[*].image.reference", "spec.containers[*].imagePullPolicy", "spec.volumes[*].image.pullPolicy",
		},
		Judge: judgeLatestTag,
	}
}

func judgeLatestTag(v check.View) check.Verdict {
	c := v.Container
	ref, err := v.Images.Parse(c.Image)
	out := check.Verdict{Status: finding.Pass, Severity: finding.Medium, Evidence: finding.Declared}
	switch {
	case err != nil:
		out.Status = finding.Error
	case ref.MeansLatest():
		out.Status = finding.Fail
	}
	if v.Brief {
		return out
	}
	switch {
	case c.Image == "":
		// A template may leave it out, for something else to fill in.
		out.Message = "No image is named, so there is nothing to judge."
	case err != nil:
		out.Message = check.Sentence(err.Error()) + " No node can pull it, and it could not be judged."
	case ref.Pinned():
		out.Message = "The digest fixes which image runs."
	case !ref.MeansLatest():
		out.Message = fmt.Sprintf("The image has the tag %q.", ref.Tag)
	case ref.Tag == "":
		out.Message = fmt.Sprintf("%s has no tag and no digest. That means the tag \"latest\": whatever was pushed last. %s", c.Image, pullPolicy(c))
	default:
		out.Message = fmt.Sprintf("%s is whatever was pushed last. %s", c.Image, pullPolicy(c))
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: v.Path(c.ImagePath()), Value: check.OrUnset(c.Image)}}
	return out
}

// pullPolicy says what the policy means for an image that means "latest".
// Where it is unset, the API server sets Always for such an image.
func pullPolicy(c *workload.Container) string {
	field := "imagePullPolicy"
	if c.Type == finding.ImageVolume {
		field = "pullPolicy"
	}
	switch c.PullPolicy {
	case corev1.PullIfNotPresent:
		return field + " is IfNotPresent: each node keeps the one it pulled first, so nodes can differ."
	case corev1.PullNever:
		return field + " is Never: each node takes the one it happens to have."
	case corev1.PullAlways:
		return field + " is Always: every start can bring in another one."
	case "":
		return field + " is not set, which means Always here: every start can bring in another one."
	default:
		return fmt.Sprintf("%s is %q, which Kubernetes does not know.", field, c.PullPolicy)
	}
}
