package inspect

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeassay/assay/kube"
)

// scheme begins the form of a target that other tools of this field use in scripts.
const scheme = "k8s-container://"

// TargetRef is what a person names as a target. Where Kind is not pods, all
// pods of that workload are meant.
type TargetRef struct {
	Namespace string
	Kind      kube.Resource
	Name      string
	// Container is empty for all containers.
	Container string
}

// String is a form that ParseTarget reads, given the same namespace.
func (t TargetRef) String() string {
	first := t.Namespace
	if t.Kind != kube.Pods {
		first = strings.ToLower(t.Kind.Kind)
	} else if _, err := kube.ParseResource(t.Namespace); err == nil {
		// As a first part it would be taken for a kind.
		if t.Container != "" {
			first = scheme + t.Namespace
		} else {
			first = "pod"
		}
	}
	s := first + "/" + t.Name
	if t.Container != "" {
		s += "/" + t.Container
	}
	return s
}

// ParseTarget reads a target: POD, NAMESPACE/POD, NAMESPACE/POD/CONTAINER,
// KIND/NAME or KIND/NAME/CONTAINER in the namespace given, or
// k8s-container://NAMESPACE/POD/CONTAINER. A first part that names a kind
// (deploy, sts, pod) is taken as one: a namespace of such a name needs the last form.
func ParseTarget(s, namespace string) (TargetRef, error) {
	t := TargetRef{Namespace: namespace, Kind: kube.Pods}
	rest, plain := strings.CutPrefix(s, scheme)
	parts := strings.Split(rest, "/")
	fail := func(why string) (TargetRef, error) {
		return TargetRef{}, fmt.Errorf("target %q: %s; give POD, NAMESPACE/POD, NAMESPACE/POD/CONTAINER or KIND/NAME", s, why)
	}
	switch {
	case plain && len(parts) != 3:
		return fail("behind " + scheme + " come a namespace, a pod and a container")
	case len(parts) > 3:
		return fail("it has too many parts")
	case len(parts) == 1:
		t.Name = parts[0]
	default:
		kind, err := kube.ParseResource(parts[0])
		if err == nil && !plain {
			if kind == kube.Namespaces || kind == kube.Nodes || kind == kube.PodTemplates {
				return fail("a " + kind.Kind + " is not made of containers")
			}
			t.Kind = kind
		} else {
			t.Namespace = parts[0]
		}
		t.Name = parts[1]
		if len(parts) == 3 {
			t.Container = parts[2]
			if t.Container == "" {
				return fail("the container's name is empty")
			}
		}
	}
	if wrong := t.wrong(); wrong != "" {
		return fail(wrong)
	}
	return t, nil
}

// wrong says which name is one that no object can have. The names go into the
// paths of requests.
func (t *TargetRef) wrong() string {
	switch {
	case t.Namespace == "":
		return "the namespace is empty"
	case len(validation.IsDNS1123Label(t.Namespace)) > 0:
		return fmt.Sprintf("%q can't be a namespace", t.Namespace)
	case t.Name == "":
		return "the name is empty"
	case len(validation.IsDNS1123Subdomain(t.Name)) > 0:
		return fmt.Sprintf("%q can't be a name", t.Name)
	case t.Container != "" && len(validation.IsDNS1123Label(t.Container)) > 0:
		return fmt.Sprintf("%q can't be a container's name", t.Container)
	}
	return ""
}
