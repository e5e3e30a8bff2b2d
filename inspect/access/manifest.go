package access

import (
	"bytes"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// Roles are the roles and bindings for needs, as a grant would make them, for
// an account that may be there already.
func Roles(needs []Need, name, account, home string) []any {
	var all []any
	for _, n := range merge(needs) {
		role, binding := objects(n, metav1.ObjectMeta{Name: name}, account, home)
		all = append(all, role, binding)
	}
	return all
}

// StandingRoles let [StandingAccount] take an approach at any time. With
// namespaces they are roles there, bound. Without, it is a ClusterRole to be
// bound in each namespace, which by itself allows nothing.
func StandingRoles(a snapshot.Approach, namespaces []string, home, scannerNamespace string) []any {
	name := StandingAccount + "-" + string(a)
	if scannerNamespace == "" {
		scannerNamespace = home
	}
	var all []Need
	for _, n := range namespaces {
		all = append(all, Standing(a, n, scannerNamespace)...)
	}
	if len(namespaces) > 0 {
		return Roles(all, name, StandingAccount, home)
	}
	// A name that no namespace can have keeps the two parts from being merged.
	var out []any
	for _, n := range Standing(a, "/target", scannerNamespace) {
		if n.Namespace != "/target" {
			out = append(out, Roles([]Need{n}, name, StandingAccount, home)...)
			continue
		}
		out = append(out, &rbacv1.ClusterRole{
			TypeMeta:   metav1.TypeMeta{APIVersion: kube.ClusterRoles.APIVersion(), Kind: kube.ClusterRoles.Kind},
			ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: n.Rules,
		})
	}
	return out
}

// YAML writes objects as documents for kubectl apply.
func YAML(objects []any) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		b, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("writing a manifest: %w", err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(b)
	}
	return out.Bytes(), nil
}
