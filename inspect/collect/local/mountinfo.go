package local

import "github.com/kubeassay/assay/inspect/snapshot"

// rootMount is the number of the mount that a process has as its root, 0 where
// it is not in the list. Processes of one container share it; no two containers do.
func rootMount(mounts []snapshot.Mount) int {
	at := 0
	for i := range mounts {
		if mounts[i].Target == "/" {
			at = mounts[i].ID // the last one covers those before it
		}
	}
	return at
}
