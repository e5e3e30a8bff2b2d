// Package controlplane holds the checks about the programs that make a cluster
// a cluster: the flags of the API server, the controller manager, the scheduler
// and etcd, where those run as pods; the kubelets' configuration, as they tell
// it themselves; and kube-proxy's.
//
// It reads what objects say, never a node. What a flag's file holds can't be
// seen: where that could decide, the verdict is not-reviewed. What ordinary pods
// do is not for this package.
//
//	for _, c := range controlplane.All() {
//		...
//	}
package controlplane

import (
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
)

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	only := &check.Filter{Wants: wants} // one for all: a container is asked about once
	var all []*check.Check
	for _, r := range slices.Concat(
		apiServerAccess(), apiServerAdmission(), apiServerAudit(), apiServerKeys(), apiServerOthers(),
		controllerManagerRules(), schedulerRules(), etcdRules(),
	) {
		all = append(all, r.check(only))
	}
	for _, r := range slices.Concat(kubeletAccess(), kubeletCertificates(), kubeletOthers()) {
		all = append(all, r.check())
	}
	return append(all, kubeProxyMetrics())
}

const docs = "https://kubernetes.io/docs/"

// references are the items of frameworks that a check serves, and a page of
// Kubernetes' documentation.
func references(id, page string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: docs + page})
}
