package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Describe says in one line what a rule allows: "get, list pods, pods/log", or
// with the group and the names, "patch deployments.apps (only cart)".
func Describe(rule *rbacv1.PolicyRule) string {
	var parts []string
	if len(rule.Resources) > 0 {
		parts = append(parts, describeResources(rule))
	}
	if len(rule.NonResourceURLs) > 0 {
		parts = append(parts, strings.Join(rule.NonResourceURLs, ", "))
	}
	if len(parts) == 0 || len(rule.Verbs) == 0 {
		return "nothing"
	}
	return strings.Join(rule.Verbs, ", ") + " " + strings.Join(parts, " and ")
}

func describeResources(rule *rbacv1.PolicyRule) string {
	var s string
	switch groups := rule.APIGroups; {
	case len(groups) == 0:
		return strings.Join(rule.Resources, ", ") + " of no group"
	case len(groups) == 1 && groups[0] == "":
		s = strings.Join(rule.Resources, ", ")
	case len(groups) == 1:
		s = strings.Join(rule.Resources, "."+groups[0]+", ") + "." + groups[0]
	default:
		named := make([]string, len(groups))
		for i, g := range groups {
			if named[i] = g; g == "" {
				named[i] = `""`
			}
		}
		s = strings.Join(rule.Resources, ", ") + " of the groups " + strings.Join(named, ", ")
	}
	if len(rule.ResourceNames) > 0 {
		s += " (only " + strings.Join(rule.ResourceNames, ", ") + ")"
	}
	return s
}
