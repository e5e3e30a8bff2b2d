package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Need is what a run needs in one namespace.
type Need struct {
	Namespace string
	Rules     []rbacv1.PolicyRule
}

// Strings says in words what is needed: "get pods/cart-5d9". One line for each
// rule and each name in it.
func (n Need) Strings() []string {
	var all []string
	for _, r := range n.Rules {
		for _, resource := range r.Resources {
			base, sub, _ := strings.Cut(resource, "/")
			if len(r.APIGroups) == 1 && r.APIGroups[0] != "" {
				base += "." + r.APIGroups[0]
			}
			if len(r.ResourceNames) == 0 {
				all = append(all, strings.Join(r.Verbs, ",")+" "+join(base, sub))
			}
			for _, name := range r.ResourceNames {
				all = append(all, strings.Join(r.Verbs, ",")+" "+join(base, name, sub))
			}
		}
	}
	return all
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

func rule(resource string, names []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{resource}, ResourceNames: names, Verbs: verbs}
}

// execVerbs: a WebSocket is opened with GET, and newer servers ask for create
// all the same; SPDY is opened with POST.
func execRule(names []string) rbacv1.PolicyRule { return rule("pods/exec", names, "get", "create") }

// ForApproach is what looking into some pods of one namespace takes. Without
// pods nothing is needed. The scanner's namespace counts for image volumes only.
func ForApproach(a snapshot.Approach, namespace string, pods []string, scannerNamespace string) []Need {
	if len(pods) == 0 {
		return nil
	}
	pods = slices.Compact(slices.Sorted(slices.Values(pods)))
	return needs(a, namespace, pods, scannerNamespace)
}

// Standing is what an account takes that may look into every pod of a
// namespace at any time: for whoever does not want Assay to make roles.
func Standing(a snapshot.Approach, namespace, scannerNamespace string) []Need {
	return needs(a, namespace, nil, scannerNamespace)
}

func needs(a snapshot.Approach, namespace string, pods []string, scannerNamespace string) []Need {
	target := Need{Namespace: namespace, Rules: []rbacv1.PolicyRule{rule("pods", pods, "get")}}
	switch a {
	case snapshot.KubernetesAPI, snapshot.SidecarContainer:
		// The pod is read before and after: exec itself can't be bound to a UID.
		target.Rules = append(target.Rules, execRule(pods))
	case snapshot.DebugContainer:
		// Watched, until the container that was added runs.
		target.Rules = []rbacv1.PolicyRule{
			rule("pods", pods, "get", "list", "watch"),
			rule("pods/ephemeralcontainers", pods, "patch"),
			execRule(pods),
		}
	case snapshot.ImageVolume:
		if scannerNamespace == "" {
			scannerNamespace = namespace
		}
		// RBAC can't bind making something to a name, and what is made then has
		// a name that nobody knew before.
		scanner := Need{Namespace: scannerNamespace, Rules: []rbacv1.PolicyRule{
			rule("pods", nil, "create", "delete", "get", "list", "watch"),
			execRule(nil),
		}}
		return merge([]Need{target, scanner})
	}
	return []Need{target}
}

// merge puts the needs of each namespace together, sorted by namespace.
func merge(all []Need) []Need {
	byNamespace := map[string][]rbacv1.PolicyRule{}
	for _, n := range all {
		rules := byNamespace[n.Namespace]
		for _, r := range n.Rules {
			if !slices.ContainsFunc(rules, func(have rbacv1.PolicyRule) bool { return covers(&have, &r) }) {
				rules = append(rules, r)
			}
		}
		byNamespace[n.Namespace] = rules
	}
	var out []Need
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		if rules := byNamespace[namespace]; len(rules) > 0 {
			out = append(out, Need{namespace, rules})
		}
	}
	return out
}

// covers reports whether rule a allows all that b does.
func covers(a, b *rbacv1.PolicyRule) bool {
	within := func(of, in []string) bool {
		return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(in, s) })
	}
	return within(b.Verbs, a.Verbs) && within(b.APIGroups, a.APIGroups) && within(b.Resources, a.Resources) &&
		(len(a.ResourceNames) == 0 || len(b.ResourceNames) > 0 && within(b.ResourceNames, a.ResourceNames))
}

// checkNeeds refuses what no look into pods can need.
func checkNeeds(all []Need) error {
	if len(all) == 0 {
		return errors.New("no access is asked for")
	}
	for _, n := range all {
		if n.Namespace == "" {
			return errors.New("a need names no namespace, and no grant is for all of them")
		}
		for _, r := range n.Rules {
			if len(r.NonResourceURLs) > 0 || len(r.APIGroups) != 1 || r.APIGroups[0] != corev1.GroupName || len(r.Resources) == 0 || len(r.Verbs) == 0 {
				return fmt.Errorf("namespace %s: %v is not about pods", n.Namespace, r)
			}
			if slices.Contains(r.Verbs, "*") {
				return fmt.Errorf("namespace %s: no grant is for all verbs", n.Namespace)
			}
			for _, resource := range r.Resources {
				if base, _, _ := strings.Cut(resource, "/"); base != "pods" {
					return fmt.Errorf("namespace %s: %s are not pods", n.Namespace, resource)
				}
			}
		}
		if err := checkNamed(&n); err != nil {
			return err
		}
	}
	return nil
}

// checkNamed refuses rules for every pod of a namespace, unless pods are made
// there: those have names that nobody can know.
func checkNamed(n *Need) error {
	makes := slices.ContainsFunc(n.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "pods") && slices.Contains(r.Verbs, "create")
	})
	for _, r := range n.Rules {
		if len(r.ResourceNames) == 0 && !makes {
			return fmt.Errorf("namespace %s: %s would be for every pod there: name the pods", n.Namespace, strings.Join(r.Resources, ","))
		}
	}
	return nil
}
