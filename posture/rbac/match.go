package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Anywhere is no namespace's name: as a request's namespace it asks for what
// is allowed in the cluster and in any namespace.
const Anywhere = "*"

// Request is what somebody wants to do, in the words of a SubjectAccessReview.
type Request struct {
	Verb        string `json:"verb"`
	Group       string `json:"group,omitempty"`
	Resource    string `json:"resource,omitempty"` // "*" asks for all of them
	Subresource string `json:"subresource,omitempty"`
	// Name of one object; empty for none in particular, which a rule that names
	// objects does not allow.
	Name string `json:"name,omitempty"`
	// Namespace; empty for all of them at once, or for what belongs to none.
	Namespace string `json:"namespace,omitempty"`
	// NonResourceURL is a path such as /metrics. All but Verb are empty then.
	NonResourceURL string `json:"nonResourceURL,omitempty"`
}

// String is "get pods/log in namespace shop" and the like.
func (r Request) String() string {
	if r.NonResourceURL != "" {
		return r.Verb + " " + r.NonResourceURL
	}
	s := r.Verb + " " + r.Resource
	if r.Subresource != "" {
		s += "/" + r.Subresource
	}
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Name != "" {
		s += " " + r.Name
	}
	switch r.Namespace {
	case "":
	case Anywhere:
		s += " in any namespace"
	default:
		s += " in namespace " + r.Namespace
	}
	return s
}

// inCluster reports whether only bindings of the cluster count.
func (r *Request) inCluster() bool { return r.NonResourceURL != "" || r.Namespace == "" }

// Allows reports whether a rule allows a request, wherever it is bound. It
// decides as the RBAC authorizer does.
func Allows(rule *rbacv1.PolicyRule, r Request) bool { return r.matches(rule) && r.named(rule) }

// matches leaves out whether the object is named.
func (r *Request) matches(rule *rbacv1.PolicyRule) bool {
	if !hasOrAll(rule.Verbs, r.Verb) {
		return false
	}
	if r.NonResourceURL != "" {
		return slices.ContainsFunc(rule.NonResourceURLs, r.matchesURL)
	}
	return hasOrAll(rule.APIGroups, r.Group) && slices.ContainsFunc(rule.Resources, r.matchesResource)
}

// named reports whether a rule that names objects names this one.
func (r *Request) named(rule *rbacv1.PolicyRule) bool {
	return r.NonResourceURL != "" || len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, r.Name)
}

func hasOrAll(list []string, s string) bool {
	for _, e := range list {
		if e == "*" || e == s {
			return true
		}
	}
	return false
}

func (r *Request) matchesResource(of string) bool {
	if of == rbacv1.ResourceAll {
		return true
	}
	if r.Subresource == "" {
		return of == r.Resource
	}
	// Without putting the two together: this is asked of every rule.
	if sub, ok := strings.CutPrefix(of, r.Resource); ok && len(sub) > 0 && sub[0] == '/' && sub[1:] == r.Subresource {
		return true
	}
	after, anything := strings.CutPrefix(of, "*/")
	return anything && after == r.Subresource
}

func (r *Request) matchesURL(of string) bool {
	return of == r.NonResourceURL ||
		strings.HasSuffix(of, "*") && strings.HasPrefix(r.NonResourceURL, strings.TrimRight(of, "*"))
}
