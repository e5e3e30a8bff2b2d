package container

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// imageRegistry fails where an image comes from elsewhere than a user allows.
//
// Fields: the image references.
func imageRegistry() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "image-registry-not-allowed",
			Title:    "Image from a registry that is not allowed",
			Severity: finding.High,
			Description: "The image comes from a registry, or a part of one, that is not on the list of those that are allowed. " +
				"Nobody has looked at what is there, and whoever can push to it decides what runs here.",
			Check: "The image's repository, with its registry written out (\"nginx\" is docker.io/library/nginx), must be an entry of the list of allowed registries or lie below one: " +
				"registry.example/shop allows registry.example/shop/cart and not registry.example/shopping. Without a list this is not reviewed. " +
				"A reference that can't be read is for image-latest-tag.",
			Fix: "Take the image from an allowed registry, or put its registry on the list:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      image: registry.example/shop/cart:1.4.2\n",
			References: references("image-registry-not-allowed", aboutImages+"#image-names"),
		},
		Fields: imageFields(),
		OptIn:  check.Registries,
		Judge:  judgeRegistry,
	}
}

func judgeRegistry(v check.View) check.Verdict {
	c := v.Container
	out := check.Verdict{Status: finding.NotReviewed, Severity: finding.High, Evidence: finding.Declared}
	repository := ""
	if len(v.Settings.Registries) > 0 {
		ref, err := v.Images.Parse(c.Image)
		if err != nil {
			return notApplicable(finding.High, "The image reference can't be read, which image-latest-tag says.")
		}
		repository = ref.Repository
		out = failIf(!allowed(repository, v.Settings.Registries), finding.High)
	}
	if v.Brief {
		return out
	}
	switch out.Status {
	case finding.NotReviewed:
		out.Message = "No list of allowed registries is set, so any is taken. Set one to have this judged."
	case finding.Fail:
		out.Message = fmt.Sprintf("%s is in none of the allowed registries: %s.", repository, strings.Join(v.Settings.Registries, ", "))
	default:
		out.Message = fmt.Sprintf("%s is in an allowed registry.", repository)
	}
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: v.Path(c.ImagePath()), Value: check.OrUnset(c.Image)}}
	return out
}

// allowed reports whether a repository is one of these, or lies below one.
func allowed(repository string, registries []string) bool {
	for _, r := range registries {
		r = strings.TrimRight(r, "/")
		// Both are names of one and the same registry, and references have the first.
		if rest, ok := strings.CutPrefix(r, "index.docker.io"); ok && (rest == "" || rest[0] == '/') {
			r = "docker.io" + rest
		}
		if r == "" || len(repository) < len(r) {
			continue
		}
		// The name of a host has no case; a path has.
		host, _, _ := strings.Cut(r, "/")
		if strings.EqualFold(repository[:len(host)], host) && repository[len(host):len(r)] == r[len(host):] &&
			(len(repository) == len(r) || repository[len(r)] == '/') {
			return true
		}
	}
	return false
}
