package sidecar

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/inspect/collect/internal/mirror"
)

// LargestInput bounds what Inject reads, in bytes.
const LargestInput = 32 << 20

// InjectOptions say how a sidecar is put into a workload.
type InjectOptions struct {
	// Image is the collector's, and must be given.
	Image string
	// File is what errors call the input; "input" where empty.
	File string
	// Workload is "Deployment/cart", and needed only where several workloads of
	// the input have a container of that name.
	Workload string
	// RunAs says which user and group the container really runs as, for
	// workloads that leave that to their image. A pod's status tells it:
	// status.containerStatuses[].user.linux.
	RunAs *IDs
}

// IDs are a user's and a group's number.
type IDs = mirror.IDs

// Inject puts a sidecar container beside the named container of the workload
// in the input, which is YAML (or JSON) of one or more objects: a Pod or
// anything that makes pods, also inside a List. Everything else passes
// unchanged, comments too. What has the sidecar already comes back as it was.
func Inject(input []byte, container string, o InjectOptions) ([]byte, error) {
	if o.File == "" {
		o.File = "input"
	}
	if len(input) > LargestInput {
		return nil, fmt.Errorf("%s: larger than %d MiB, which no workload is", o.File, LargestInput>>20)
	}
	if _, err := image.Parse(o.Image); err != nil {
		return nil, fmt.Errorf("the collector's image %q: %w", o.Image, err)
	}
	documents := split(input)
	target, err := choose(documents, container, &o)
	if err != nil {
		return nil, err
	}
	changed, err := target.inject(container, &o)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, d := range documents {
		if d == target.document {
			_, _ = out.Write(changed)
		} else {
			_, _ = out.Write(d.text)
		}
	}
	return out.Bytes(), nil
}

// choose finds the one workload that is meant.
func choose(documents []*document, container string, o *InjectOptions) (*podSpec, error) {
	var with, all []*podSpec
	for _, d := range documents {
		specs, err := d.podSpecs(o.File)
		if err != nil {
			return nil, err
		}
		for _, s := range specs {
			all = append(all, s)
			if (o.Workload == "" || strings.EqualFold(o.Workload, s.workload)) && s.container(container) != nil {
				with = append(with, s)
			}
		}
	}
	switch {
	case len(with) == 1:
		return with[0], nil
	case len(with) > 1:
		return nil, fmt.Errorf("%s: several workloads have a container %q: say which one is meant:\n%s", o.File, container, listed(with, o.File, false))
	case len(all) == 0:
		return nil, fmt.Errorf("%s: no workload in it: there must be a Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, ReplicationController or PodTemplate", o.File)
	case o.Workload != "" && !slices.ContainsFunc(all, func(s *podSpec) bool { return strings.EqualFold(o.Workload, s.workload) }):
		return nil, fmt.Errorf("%s: no workload %q in it. It has:\n%s", o.File, o.Workload, listed(all, o.File, false))
	}
	return nil, fmt.Errorf("%s: no workload has a container %q. There are:\n%s", o.File, container, listed(all, o.File, true))
}

func listed(specs []*podSpec, file string, containers bool) string {
	lines := make([]string, len(specs))
	for i, s := range specs {
		lines[i] = fmt.Sprintf("  %s:%d: %s", file, s.line(s.key), s.workload)
		if containers {
			lines[i] += ": " + strings.Join(s.names(), ", ")
		}
	}
	return strings.Join(lines, "\n")
}

// inject gives the changed text of the document that the pod spec is in.
func (s *podSpec) inject(container string, o *InjectOptions) ([]byte, error) {
	fail := func(line int, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s: %w", o.File, line, s.workload, fmt.Errorf(format, args...))
	}
	if s.problem != nil {
		return nil, fail(s.line(s.key), "%w", s.problem)
	}
	line := s.containerLine(container)
	if os := s.spec.OS; os != nil && os.Name == corev1.Windows {
		return nil, fail(s.line(s.key), "Windows pods are not supported: the collector is a Linux program")
	}
	target := s.container(container)
	if mirror.Privileged(target.SecurityContext) {
		return nil, fail(line, "container %q is privileged: a sidecar would need all capabilities too, and Assay never makes one that has them. exec (--approach kubernetes-api) reads such a container", container)
	}
	if i := slices.IndexFunc(s.spec.InitContainers, func(c corev1.Container) bool { return c.Name == container }); i >= 0 && !always(&s.spec.InitContainers[i]) {
		return nil, fail(line, "%q is an init container, which ends before the sidecar could look into it", container)
	}
	if shared := s.spec.ShareProcessNamespace; shared != nil && !*shared && !s.spec.HostPID {
		return nil, fail(s.keyLine("shareProcessNamespace"), "shareProcessNamespace is false; a sidecar sees the container's processes and files only with true. If nothing speaks against it, take the line out")
	}
	ids, err := s.ids(target, o)
	if err != nil {
		return nil, fail(line, "%w", err)
	}
	want := build(s.spec, target, ids, o.Image)
	if err := s.canTake(&want); err != nil {
		return nil, fail(s.line(s.key), "%w", err)
	}
	return s.edit(&want)
}

// ids are those that the container runs as: what the workload fixes, else what the caller knows.
func (s *podSpec) ids(target *corev1.Container, o *InjectOptions) (IDs, error) {
	declared, ok := mirror.Declared(s.spec, target.SecurityContext)
	switch {
	case ok && o.RunAs != nil && *o.RunAs != declared:
		return IDs{}, fmt.Errorf("container %q runs as %d:%d by its securityContext, not as %d:%d", target.Name, declared.User, declared.Group, o.RunAs.User, o.RunAs.Group)
	case ok:
		return declared, nil
	case o.RunAs != nil:
		return *o.RunAs, nil
	}
	return IDs{}, fmt.Errorf("container %q leaves its user or group to the image (securityContext has no runAsUser or no runAsGroup), and the sidecar must run as the same: set both, or say what status.containerStatuses[].user.linux of a running pod shows, such as --run-as 1000:1000", target.Name)
}

// canTake finds what stands against the sidecar in the workload.
func (s *podSpec) canTake(want *corev1.Container) error {
	for i := range s.spec.Containers {
		if s.spec.Containers[i].Name == want.Name {
			return fmt.Errorf("an ordinary container is called %q, the sidecar's name", want.Name)
		}
	}
	for i := range s.spec.InitContainers {
		c := &s.spec.InitContainers[i]
		if c.Name == want.Name && !isOurs(c) {
			return fmt.Errorf("an init container is called %q, the sidecar's name, but is none of ours", want.Name)
		}
	}
	for i := range s.spec.Volumes {
		v := &s.spec.Volumes[i]
		if v.Name == noTokenVolume && v.EmptyDir == nil {
			return errors.New("a volume is called " + noTokenVolume + ", which the sidecar needs as an empty one")
		}
	}
	return nil
}

func always(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
