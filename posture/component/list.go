package component

import "slices"

// Part is a known part of a cluster, for lists that people read.
type Part struct {
	Name string
	// Kinds of its workload; Namespaces that it is installed into; Names and Images
	// as patterns, the latter of the last part of the repository.
	Kinds, Namespaces, Names, Images []string
	// Reason says what it needs its privileges for, as a sentence.
	Reason string
	// Checks are the IDs of those whose findings are ranked lower.
	Checks []string
}

// All lists the known parts of clusters.
func All() []Part {
	all := make([]Part, len(parts))
	for i, p := range parts {
		all[i] = Part{
			Name: p.name, Kinds: slices.Clone(p.kinds), Namespaces: slices.Clone(p.namespaces),
			Names: slices.Clone(p.names), Images: slices.Clone(p.images), Reason: p.reason, Checks: slices.Clone(p.needs),
		}
	}
	return all
}
