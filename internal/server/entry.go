package server

import (
	"strconv"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// The checks of GET /scan.
const (
	checkLatestTag = "image-latest-tag"
	checkRoot      = "run-as-root"
)

func scanChecks() []string { return []string{checkLatestTag, checkRoot} }

// ScanEntry is one container of one pod. It is exported because the framework
// documents only exported parts.
type ScanEntry struct {
	Namespace     string `json:"namespace"`
	Pod           string `json:"pod"`
	Container     string `json:"container" doc:"The container's name; for an image volume the volume's"`
	ContainerType string `json:"container_type" enum:"container,initContainer,sidecarContainer,ephemeralContainer,imageVolume"`
	Image         string `json:"image" doc:"The image reference as the pod's spec has it"`
	Workload      string `json:"workload" doc:"The top owner, such as Deployment/cart" example:"Deployment/cart"`
	Reason        string `json:"reason" doc:"The verdict in one sentence"`
	Evidence      string `json:"evidence" enum:"declared,reported,observed" doc:"How it is known: declared in the spec, or reported by the kubelet"`
	Severity      string `json:"severity" enum:"critical,high,medium,low,info"`
	Field         string `json:"field" doc:"The path of the field that decided" example:"spec.containers[0].image"`
}

// RootEntry is a container that runs, or may run, as root.
type RootEntry struct {
	ScanEntry
	RunAsUser    *int64 `json:"run_as_user" doc:"The user that takes effect: as the kubelet reports it, else as the spec sets it; null where neither says"`
	RunAsNonRoot *bool  `json:"run_as_non_root" doc:"The runAsNonRoot that takes effect; null where it is not set"`
}

// errorEntry is a container that could not be judged.
type errorEntry struct {
	ScanEntry
	Check string `json:"check" doc:"The check that could not decide" example:"image-latest-tag"`
}

// scanRecord turns a finding about one pod into an entry of GET /scan.
func scanRecord(f *finding.Finding) (record, bool, error) {
	if len(f.PodNames) == 0 {
		return record{}, false, nil // a template without pods: no container
	}
	e := ScanEntry{
		Namespace: f.Workload.Namespace, Pod: f.PodNames[0], Container: f.Container, ContainerType: string(f.ContainerType),
		Image: f.Image, Workload: f.Workload.String(), Reason: f.Message,
		Evidence: string(f.Evidence), Severity: string(f.Severity), Field: decidingField(f),
	}
	r := record{list: listLatestTag}
	var entry any = e
	switch {
	case f.Status == finding.Error:
		r.list, entry = listErrors, errorEntry{e, f.Check}
	case f.Check == checkRoot:
		root := RootEntry{ScanEntry: e}
		root.RunAsUser, root.RunAsNonRoot = effectiveUser(f.Basis)
		r.list, entry = listRoot, root
	}
	var err error
	r.json, err = encode(entry)
	return r, true, err
}

// decidingField is the field that the verdict rests on: a basis has it first.
func decidingField(f *finding.Finding) string {
	if len(f.Basis) == 0 {
		return ""
	}
	return f.Basis[0].Field
}

// effectiveUser reads from a basis which user the container runs as. What the
// kubelet reports wins over what the spec declares.
func effectiveUser(basis []finding.Basis) (user *int64, nonRoot *bool) {
	reported := false
	for _, b := range basis {
		switch {
		case strings.HasSuffix(b.Field, ".user.linux.uid"):
			if n, err := strconv.ParseInt(b.Value, 10, 64); err == nil {
				user, reported = &n, true
			}
		case strings.HasSuffix(b.Field, ".runAsUser") && !reported && user == nil:
			if n, err := strconv.ParseInt(b.Value, 10, 64); err == nil {
				user = &n
			}
		case strings.HasSuffix(b.Field, ".runAsNonRoot") && nonRoot == nil:
			if v, err := strconv.ParseBool(b.Value); err == nil {
				nonRoot = &v
			}
		}
	}
	return user, nonRoot
}
