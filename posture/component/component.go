// Package component knows the parts of a cluster that can't do their work
// without privileges: those that program the node's network, mount its volumes
// or run its control plane. Findings about what such a part needs are true, but
// there is nothing to be done about them; they are ranked lower and say why.
//
// It hides nothing, and takes a name for nothing: a part is known only in a
// namespace where nobody who is not already trusted with the nodes can make
// pods, by its kind, its name and its image together.
//
//	known, ok := component.Needs(f.Workload, f.Image, f.Check)
package component

import (
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Known is a part of a cluster, and why it needs a privilege.
type Known struct {
	// Name is what the part is called, such as "kube-proxy".
	Name string
	// Reason says what it needs the privilege for, as a sentence.
	Reason string
}

// part is one known component.
type part struct {
	name string
	// kinds of its workload; namespaces that it is installed into; names and
	// images as patterns, the latter of the last part of the repository.
	kinds, namespaces, names, images []string
	reason                           string
	needs                            []string // IDs of checks
}

// Needs says why a known component can't do without what a check finds fault
// with; ok is false for everything else.
func Needs(w finding.Workload, image, check string) (known Known, ok bool) {
	for i := range parts {
		p := &parts[i]
		if slices.Contains(p.needs, check) && p.is(w, image) {
			return Known{p.name, p.reason}, true
		}
	}
	return Known{}, false
}

func (p *part) is(w finding.Workload, image string) bool {
	return slices.Contains(p.kinds, w.Kind) && slices.Contains(p.namespaces, w.Namespace) && matches(p.names, w.Name) &&
		(image == "" || matches(p.images, repository(image))) // a finding about the pod as a whole has no image
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return err == nil && ok
	})
}

// repository is the last part of an image's name, without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	name, _, _ := strings.Cut(image, ":")
	return name
}
