// Package remote is what the approaches with a container of ours share: it
// runs our collector there by exec, hands it the plan on standard input and
// takes the evidence over from the snapshot on standard output. Files or logs
// in between there are none: logs stay on the node, where others read them.
//
// It does not make containers, and does not choose what to collect.
//
//	usage, err := remote.Collect(ctx, client, place, remote.CollectContainer(id), plan, into)
package remote

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Program is where the collector's image holds its one program.
const Program = "/assay-collector"

// Hold is the command of a container that waits to be asked, and ends by itself.
func Hold(d time.Duration) []string { return []string{Program, "hold", "--for", d.String()} }

// HoldForever is the same for a container that ends with its pod.
func HoldForever() []string { return []string{Program, "hold", "--for", "0s"} }

// Stop ends the command of Hold in the same container.
func Stop() []string { return []string{Program, "stop"} }

// CollectRoot reads a folder that holds a container's file system.
func CollectRoot(folder string) []string { return []string{Program, "collect", "--root", folder} }

// CollectContainer reads a running container whose processes are visible. ID
// is without the runtime's name before it. Alone says that process 1 is the
// container's: the collector has targetContainerName, and the pod shares no
// process namespace. It helps where control groups don't show whose they are.
func CollectContainer(id string, alone bool) []string {
	argv := []string{Program, "collect", "--container-id", id}
	if alone {
		argv = append(argv, "--process-one")
	}
	return argv
}

// Limits of a container of ours. The collector holds the contents of one
// answer in memory.
func Limits() corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("512Mi")}
}

// Requests of a container of ours: next to nothing while nobody asks.
func Requests() corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")}
}
