// Package builtin lists the checks that Assay brings along, and chooses among them.
//
// It has no check of its own: those stand in the packages beside it, one a subject.
//
//	checks, err := builtin.Select([]string{"run-as-root"}, nil)
package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/nearest"
	"github.com/kubeassay/assay/posture/check"
)

// All returns every check, in the order in which they are listed.
func All() []*check.Check {
	var all []*check.Check
	for _, s := range Subjects() {
		all = append(all, s.Checks...)
	}
	return all
}

// Default returns the checks that are made where none are named: all but those
// that answer a framework in its own terms.
func Default() []*check.Check {
	return slices.DeleteFunc(All(), func(c *check.Check) bool { return c.ForFramework })
}

// Select returns the checks whose IDs are in only (where it is empty all but
// those that are made for frameworks alone) and not in skip. An ID that no check
// has is an error that names those that are most like it.
func Select(only, skip []string) ([]*check.Check, error) {
	all := All()
	for _, id := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(all, func(c *check.Check) bool { return c.ID == id }) {
			return nil, fmt.Errorf("unknown check %q%s: assay checks lists them all", id, nearest.Hint(id, IDs(all)))
		}
	}
	kept := slices.DeleteFunc(all, func(c *check.Check) bool {
		return len(only) > 0 && !slices.Contains(only, c.ID) || len(only) == 0 && c.ForFramework || slices.Contains(skip, c.ID)
	})
	if len(kept) == 0 {
		return nil, fmt.Errorf("no check is left: every one that is wanted is also skipped (%s)", strings.Join(skip, ", "))
	}
	return kept, nil
}

// Permitted parts checks into those that may be made, with these flags for
// what is off by default (such as "read-secrets"), and those that may not.
func Permitted(checks []*check.Check, flags ...string) (on, off []*check.Check) {
	for _, c := range checks {
		if c.OptIn == "" || slices.Contains(flags, c.OptIn) {
			on = append(on, c)
		} else {
			off = append(off, c)
		}
	}
	return on, off
}

// IDs returns the IDs of checks.
func IDs(checks []*check.Check) []string {
	ids := make([]string, len(checks))
	for i, c := range checks {
		ids[i] = c.ID
	}
	return ids
}

// Rules returns the texts of checks, as reports carry them.
func Rules(checks []*check.Check) []finding.Rule {
	rules := make([]finding.Rule, len(checks))
	for i, c := range checks {
		rules[i] = c.Rule
	}
	return rules
}
