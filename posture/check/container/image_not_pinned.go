package container

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// imageFields are the image references of a pod.
func imageFields() []string { return append(inEvery("image"), "spec.volumes[*].image.reference") }

// pullFields are the pull policies of a pod's images.
func pullFields() []string {
	return append(inEvery("imagePullPolicy"), "spec.volumes[*].image.pullPolicy")
}

// imageNotPinned fails where a tag names the image, which can be moved.
//
// Fields: the image references, and the pull policies for the message.
func imageNotPinned() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "image-not-pinned",
			Title:    "Image by tag instead of digest",
			Severity: finding.Low,
			Description: "The image is named by a tag. A tag can be moved to another image at any time, by mistake or by somebody who has broken into the registry, " +
				"and the next pod then runs what nobody reviewed. A digest can't be moved.",
			Check: "The image reference must have a digest. No tag, or the tag \"latest\", is for image-latest-tag, and so are references that can't be read. " +
				"The pull policy does not change the verdict: with Always a moved tag comes in at the next start, without it nodes can differ.",
			Fix: "Add the digest; the tag may stay beside it, for people to read:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      image: registry.example/shop/cart:1.4.2@sha256:<digest>\n",
			References: references("image-not-pinned", aboutImages+"#image-names"),
		},
		Fields: append(imageFields(), pullFields()...),
		Judge:  judgePinned,
	}
}

func judgePinned(v check.View) check.Verdict {
	c := v.Container
	ref, err := v.Images.Parse(c.Image)
	switch {
	case err != nil:
		return notApplicable(finding.Low, "The image reference can't be read, which image-latest-tag says.")
	case ref.MeansLatest():
		return notApplicable(finding.Low, "The image names no version at all, which image-latest-tag says.")
	}
	out := failIf(!ref.Pinned(), finding.Low)
	if v.Brief {
		return out
	}
	out.Message = "The digest fixes which image runs."
	if out.Status == finding.Fail {
		after := "nodes that pulled it before keep what they have, so nodes can differ."
		switch c.PullPolicy {
		case corev1.PullAlways:
			after = "every start brings in what is there then."
		case corev1.PullNever:
			after = "each node runs the one that it has."
		}
		out.Message = fmt.Sprintf("The tag %q can be moved to another image, and %s", ref.Tag, after)
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: v.Path(c.ImagePath()), Value: c.Image}}
	return out
}

// imagePullNever fails where a node must already have the image.
//
// Fields: imagePullPolicy of the container, pullPolicy of an image volume.
func imagePullNever() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "image-pull-policy-never",
			Title:    "Image is never pulled",
			Severity: finding.Low,
			Description: "The node takes whatever image it happens to have under that name, and never asks a registry. Nobody can say from where it came, " +
				"nodes can differ, a fixed release never arrives, and a pod can start an image that it has no credentials for.",
			Check: "imagePullPolicy (pullPolicy of an image volume) must not be Never. What Always and IfNotPresent mean for a tag is for image-not-pinned and image-latest-tag.",
			Fix: "Let the node ask the registry, and name the digest, so that it is always the same image:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      image: registry.example/shop/cart:1.4.2@sha256:<digest>\n" +
				"      imagePullPolicy: IfNotPresent\n",
			References: references("image-pull-policy-never", aboutImages+"#image-pull-policy"),
		},
		Fields: pullFields(),
		Judge:  judgePullNever,
	}
}

func judgePullNever(v check.View) check.Verdict {
	c := v.Container
	out := failIf(c.PullPolicy == corev1.PullNever, finding.Low)
	if v.Brief {
		return out
	}
	out.Message = "The image is pulled from a registry."
	if out.Status == finding.Fail {
		out.Message = "The node never pulls the image, and takes whatever it has under that name."
	}
	field := c.Path() + ".imagePullPolicy"
	if c.Spec == nil {
		field = c.Path() + ".image.pullPolicy"
	}
	out.Basis = []finding.Basis{v.InPod(field, check.OrUnset(string(c.PullPolicy)))}
	return out
}
