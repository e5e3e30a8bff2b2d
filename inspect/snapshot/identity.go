package snapshot

import (
	"encoding/json"
	"time"

	"github.com/kubeassay/assay/finding"
)

// Target says which container the evidence is from.
type Target struct {
	Cluster     string `json:"cluster,omitempty"` // the API server's address
	Namespace   string `json:"namespace"`
	Pod         string `json:"pod"`
	PodUID      string `json:"podUID,omitempty"`
	Container   string `json:"container"`
	ContainerID string `json:"containerID,omitempty"` // containerd://…
	Image       string `json:"image,omitempty"`       // as the spec names it
	ImageID     string `json:"imageID,omitempty"`     // as the kubelet reports it
	Node        string `json:"node,omitempty"`
	// ContainerType and Workload (the top owner) as the caller found them.
	ContainerType finding.ContainerType `json:"containerType,omitempty"`
	Workload      finding.Workload      `json:"workload,omitzero"`
}

// Approach is how the collector got inside.
type Approach string

// The approaches, from the least intrusive to the most.
const (
	ImageVolume      Approach = "image-volume"      // a pod of ours reads the image; the target is not touched
	KubernetesAPI    Approach = "kubernetes-api"    // exec in the target
	DebugContainer   Approach = "debug-container"   // an ephemeral container beside the target
	SidecarContainer Approach = "sidecar-container" // a container of ours that is in the pod already
)

// Origin says when and how the evidence was collected.
type Origin struct {
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt time.Time  `json:"finishedAt"`
	Approaches []Approach `json:"approaches"`
	// Method is the rung of the ladder that answered: "sh", "tar", "cat", "collector".
	Method string `json:"method,omitempty"`
	// UID and GID are those that the collector had in the container; nil where unknown.
	UID *int64 `json:"uid,omitempty"`
	GID *int64 `json:"gid,omitempty"`
	// RoundTrips counts execs in a container, Bytes what they sent.
	RoundTrips int   `json:"roundTrips"`
	Bytes      int64 `json:"bytes"`
	// Commands are the fixed command lines that ran in the target (or in our container).
	Commands [][]string `json:"commands,omitempty"`
	// Notes say in words what limits the evidence: "files are those of the image".
	Notes []string `json:"notes,omitempty"`
}

// Declared is the pod as the API server had it when the evidence was
// collected: JSON of a core/v1 Pod, so that a later evaluation can compare
// what the spec claims. Nil where unknown.
type Declared = json.RawMessage
