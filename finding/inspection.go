package finding

import "time"

// Inspection is one look into one container with one profile: what was used
// for it, and a finding for every control of the profile, whatever its status.
type Inspection struct {
	Target   InspectionTarget `json:"target"`
	Workload Workload         `json:"workload"`
	Profile  Profile          `json:"profile"`
	// Snapshot is the SHA-256, in hex, of the evidence as saved; empty where it was not saved.
	Snapshot   string    `json:"snapshot,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	// Used says what the look itself took; absent for evidence from a file.
	Used *Used `json:"used,omitempty"`
	// Notes say in words what limits the evidence ("files are those of the image").
	Notes []string `json:"notes,omitempty"`
	// Error says why the container could not be inspected at all; all findings
	// then have status error.
	Error string `json:"error,omitempty"`
	// Findings hold one entry a control, in the profile's order.
	Findings []Finding `json:"-"`
}

// InspectionTarget is the container that was looked into.
type InspectionTarget struct {
	Cluster     string `json:"cluster,omitempty"`
	Namespace   string `json:"namespace"`
	Pod         string `json:"pod"`
	UID         string `json:"uid,omitempty"` // the pod's
	Container   string `json:"container"`
	ContainerID string `json:"containerID,omitempty"`
	Image       string `json:"image,omitempty"`
	// ImageDigest is the digest ("sha256:…") that the kubelet reports.
	ImageDigest string `json:"imageDigest,omitempty"`
	Node        string `json:"node,omitempty"`
}

// String is "namespace/pod/container".
func (t InspectionTarget) String() string { return t.Namespace + "/" + t.Pod + "/" + t.Container }

// Profile is a set of controls for the inside of containers.
type Profile struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version,omitempty"`
	Summary string `json:"summary,omitempty"`
	// SHA256, in hex, is over the profile's files, so that it is known what was tested.
	SHA256 string `json:"sha256,omitempty"`
	// Inputs are the values with which it was evaluated.
	Inputs []Input `json:"inputs,omitempty"`
}

// Input is a value that a profile's controls refer to.
type Input struct {
	Name string `json:"name"`
	// Value is written as JSON: "0640", 8, ["sshd"].
	Value string `json:"value"`
}

// Used says what one inspection took.
type Used struct {
	// Approach is kubernetes-api, image-volume, debug-container or
	// sidecar-container; several where they were combined.
	Approaches []string `json:"approaches"`
	// Why says why this approach was taken.
	Why        string        `json:"why,omitempty"`
	RoundTrips int           `json:"roundTrips"`
	Bytes      int64         `json:"bytes"`
	Duration   time.Duration `json:"durationNanoseconds"`
	UID        *int64        `json:"uid,omitempty"` // that asked, in the container
	GID        *int64        `json:"gid,omitempty"`
	// Commands ran in the target, or in a container of ours beside it.
	Commands [][]string `json:"commands,omitempty"`
	Risk     *Risk      `json:"risk,omitempty"`
	// Remains lists what nobody can remove, such as an ephemeral container's
	// entry in the pod's spec.
	Remains []string `json:"remains,omitempty"`
}

// Risk rates what a look costs, see package inspect/risk.
type Risk struct {
	// Rating is low, medium, high or critical: that of the worst factor.
	Rating  string       `json:"rating"`
	Factors []RiskFactor `json:"factors"`
}

// RiskFactor is one side of the risk: likelihood and impact from 1 to 5.
type RiskFactor struct {
	Name       string `json:"name"`
	Likelihood int    `json:"likelihood"`
	Impact     int    `json:"impact"`
	Rating     string `json:"rating"`
	Reason     string `json:"reason"`
}

// Grant is temporary access that was made for a run, and taken back.
type Grant struct {
	Name           string    `json:"name"`
	Namespace      string    `json:"namespace"` // that the access is for
	ServiceAccount string    `json:"serviceAccount"`
	CreatedAt      time.Time `json:"createdAt"`
	ExpiresAt      time.Time `json:"expiresAt"`
	// RevokedAt is zero while the grant stands.
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// Rules say what was allowed: "get pods/cart-5d9".
	Rules []string `json:"rules,omitempty"`
	// Problem says what went wrong when it was taken back.
	Problem string `json:"problem,omitempty"`
}

// Test is one of the tests that a control is made of.
type Test struct {
	Status Status `json:"status"`
	// Description says what was tested, Message what came out, where there is
	// more to say than the status.
	Description string `json:"description"`
	Message     string `json:"message,omitempty"`
}
