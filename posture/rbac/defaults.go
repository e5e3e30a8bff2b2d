package rbac

import (
	_ "embed"
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
)

// DefaultsVersion is the Kubernetes version whose roles Defaults returns.
const DefaultsVersion = "1.36"

//go:embed defaults.json
var defaults []byte

// Defaults returns the cluster roles that every API server makes for itself,
// such as cluster-admin, admin, edit and view, as version DefaultsVersion does.
// Aggregated ones are without rules: they come from the others.
//
// They are for files, which bind such roles without having them. A live
// cluster has its own, which may have been changed.
func Defaults() []rbacv1.ClusterRole {
	var all []rbacv1.ClusterRole
	if err := json.Unmarshal(defaults, &all); err != nil {
		panic(fmt.Sprintf("the embedded defaults.json is broken: %v", err)) // a test reads it
	}
	return all
}
