package permission

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/kube"
)

// Names says what the roles are called and who gets them.
type Names struct {
	// Name of the roles and bindings.
	Name string
	// ServiceAccount that gets the roles, and the namespace that it lives in.
	// Both may be empty: Name then, in the namespace "assay", to be filled in.
	ServiceAccount, Namespace string
}

// Manifest writes the least roles that allow all wants, with their bindings,
// as YAML documents for kubectl apply. The same wants give the same text,
// in whatever order they come.
func Manifest(wants []Want, names Names) ([]byte, error) {
	if names.ServiceAccount == "" {
		names.ServiceAccount = names.Name
	}
	if names.Namespace == "" {
		names.Namespace = "assay"
	}
	byNamespace := map[string][]Want{}
	for _, w := range wants {
		// A namespace belongs to the cluster, but a role inside it can allow reading it.
		if !w.Resource.Namespaced && w.Resource != kube.Namespaces {
			w.Namespace = ""
		}
		byNamespace[w.Namespace] = append(byNamespace[w.Namespace], w)
	}
	everywhere := byNamespace[""]
	var out bytes.Buffer
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		// What may be done everywhere need not be allowed here once more.
		here := byNamespace[namespace]
		if namespace != "" {
			here = slices.DeleteFunc(slices.Clone(here), func(w Want) bool {
				w.Namespace = ""
				return slices.Contains(everywhere, w)
			})
		}
		if len(here) == 0 {
			continue
		}
		for _, object := range names.roles(namespace, rules(here)) {
			b, err := yaml.Marshal(object)
			if err != nil {
				return nil, fmt.Errorf("writing the roles: %w", err)
			}
			if out.Len() > 0 {
				out.WriteString("---\n")
			}
			out.Write(b)
		}
	}
	return out.Bytes(), nil
}

// roles returns a role and its binding, for one namespace or for the cluster.
func (n Names) roles(namespace string, rules []rbacv1.PolicyRule) []any {
	meta := metav1.ObjectMeta{Name: n.Name, Namespace: namespace}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: n.ServiceAccount, Namespace: n.Namespace}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: n.Name}
	of := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
	}
	if namespace == "" {
		ref.Kind = "ClusterRole"
		return []any{
			&rbacv1.ClusterRole{TypeMeta: of("ClusterRole"), ObjectMeta: meta, Rules: rules},
			&rbacv1.ClusterRoleBinding{TypeMeta: of("ClusterRoleBinding"), ObjectMeta: meta, Subjects: subjects, RoleRef: ref},
		}
	}
	return []any{
		&rbacv1.Role{TypeMeta: of("Role"), ObjectMeta: meta, Rules: rules},
		&rbacv1.RoleBinding{TypeMeta: of("RoleBinding"), ObjectMeta: meta, Subjects: subjects, RoleRef: ref},
	}
}

// rules puts resources of one API group that are wanted with the same verbs into one rule.
func rules(wants []Want) []rbacv1.PolicyRule {
	type resource struct{ group, name string }
	verbs := map[resource][]string{}
	for _, w := range wants {
		r := resource{w.Resource.Group, w.Resource.Resource}
		if w.Subresource != "" {
			r.name += "/" + w.Subresource
		}
		if !slices.Contains(verbs[r], w.Verb) {
			verbs[r] = append(verbs[r], w.Verb)
		}
	}
	type rule struct{ group, verbs string }
	resources := map[rule][]string{}
	for r, v := range verbs {
		slices.Sort(v)
		key := rule{r.group, strings.Join(v, ",")}
		resources[key] = append(resources[key], r.name)
	}
	var out []rbacv1.PolicyRule
	for r, names := range resources {
		slices.Sort(names)
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{r.group}, Resources: names, Verbs: strings.Split(r.verbs, ",")})
	}
	slices.SortFunc(out, func(a, b rbacv1.PolicyRule) int {
		return cmp.Or(cmp.Compare(a.APIGroups[0], b.APIGroups[0]), slices.Compare(a.Resources, b.Resources), slices.Compare(a.Verbs, b.Verbs))
	})
	return out
}
