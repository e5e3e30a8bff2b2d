// Package container holds the checks about containers, one file a check. The
// verdict about whatever a Pod Security Standard forbids is the standard's own
// (package pss), never a copy of its rule.
//
// What is about a pod as a whole, or about other objects, is not here.
//
//	for _, c := range container.All() {
//		...
//	}
package container

import "github.com/kubeassay/assay/posture/check"

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{
		imageLatestTag(), imageTagDrift(), imageNotPinned(), imagePullNever(), imageRegistry(),
		runAsRoot(), rootGroup(), lowUserID(),
		privilegedContainer(), privilegeEscalation(), capabilitiesAdded(), capabilitiesNotDropped(), windowsHostProcess(),
		seccompMissing(), seccompUnconfined(), appArmorUnconfined(), seLinuxOptions(), procMountUnmasked(),
		writableRootFilesystem(), subPathMount(), rawBlockVolume(),
		hostPort(), probeHost(), livenessProbeMissing(), readinessProbeMissing(), interactiveTerminal(),
		resourceLimitsMissing(), resourceRequestsMissing(), ephemeralStorageUnlimited(),
		secretsInConfiguration(), secretsInEnv(),
	}
}
