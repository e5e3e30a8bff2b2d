package profile

import (
	"cmp"
	"slices"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// joinPlans is what collects all that either asks for.
func joinPlans(a, b snapshot.Plan) snapshot.Plan {
	a.Globs, a.Trees = slices.Clone(a.Globs), slices.Clone(a.Trees)
	a.Add(b)
	return a
}

// tidy sorts a plan. What is wanted with its content needs no word of its metadata.
func tidy(p snapshot.Plan) snapshot.Plan {
	slices.Sort(p.Files)
	slices.Sort(p.Stats)
	p.Stats = slices.DeleteFunc(p.Stats, func(s string) bool {
		_, ok := slices.BinarySearch(p.Files, s)
		return ok
	})
	slices.SortFunc(p.Globs, func(a, b snapshot.Glob) int { return cmp.Compare(a.Pattern, b.Pattern) })
	slices.SortFunc(p.Trees, func(a, b snapshot.Tree) int { return cmp.Compare(a.Path, b.Path) })
	return p
}
