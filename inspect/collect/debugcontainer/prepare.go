package debugcontainer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/internal/mirror"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/workload"
)

// Prefix begins the names of our ephemeral containers.
const Prefix = "assay-debug-"

var (
	// ErrNeedsPtrace means: the target can be read only with CAP_SYS_PTRACE.
	ErrNeedsPtrace = errors.New("CAP_SYS_PTRACE is needed (--allow-ptrace)")
	// ErrUserUnknown means: nobody says which user and group the target runs as.
	ErrUserUnknown = errors.New("the container's user and group are not known")
	// ErrRefused means: the API server would not take the container.
	ErrRefused = errors.New("the API server refuses an ephemeral container in this pod")
)

// prepared is what to do with a pod.
type prepared struct {
	// running is a container of ours that runs already; empty where there is none.
	running string
	// container is the one to add.
	container corev1.EphemeralContainer
}

// prepare finds out what container the pod needs.
func (c *Collector) prepare(pod *corev1.Pod) (*prepared, error) {
	if workload.OS(&pod.Spec) == corev1.Windows {
		return nil, errors.New("a Windows container: the collector is a Linux program")
	}
	if err := checkImage(c.options.Image); err != nil {
		return nil, err
	}
	own, ok := remote.Security(&pod.Spec, c.target.Container)
	if !ok {
		return nil, fmt.Errorf("the pod has no container %q", c.target.Container)
	}
	if !c.options.AllowPtrace && mirror.Privileged(own) {
		return nil, fmt.Errorf("the container is privileged, so its processes have every capability; to look into them, our container would need them all too, or %w. It was not added", ErrNeedsPtrace)
	}
	ids, err := idsOf(pod, c.target.Container, own)
	if err != nil {
		return nil, err
	}
	p := &prepared{container: c.build(own, ids)}
	p.running = reusable(pod, &p.container)
	return p, nil
}

// idsOf are the user and group that the target's first process was started
// with: what the kubelet reports, else what the spec fixes. The image's
// configuration does not tell: a runtime may make another group of it.
func idsOf(pod *corev1.Pod, container string, own *corev1.SecurityContext) (mirror.IDs, error) {
	if s := remote.Status(pod, container); s != nil && s.User != nil && s.User.Linux != nil {
		return mirror.IDs{User: s.User.Linux.UID, Group: s.User.Linux.GID}, nil
	}
	if ids, ok := mirror.Declared(&pod.Spec, own); ok {
		return ids, nil
	}
	return mirror.IDs{}, fmt.Errorf("%w: the kubelet does not report them (status.containerStatuses[].user, from Kubernetes 1.31 on), and the spec has no runAsUser or no runAsGroup", ErrUserUnknown)
}

func (c *Collector) build(own *corev1.SecurityContext, ids mirror.IDs) corev1.EphemeralContainer {
	return corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name:            Prefix + strings.ToLower(rand.Text()[:10]),
			Image:           c.options.Image,
			ImagePullPolicy: corev1.PullIfNotPresent,
			Command:         remote.Hold(c.options.Timeout),
			SecurityContext: mirror.Context(own, ids, c.options.AllowPtrace),
		},
		TargetContainerName: c.target.Container,
	}
}

// IsOurs reports whether an ephemeral container is one that this package has added.
func IsOurs(c *corev1.EphemeralContainer) bool {
	return strings.HasPrefix(c.Name, Prefix) && len(c.Command) > 1 && slices.Equal(c.Command[:2], remote.Hold(0)[:2])
}

// reusable is a running container of ours that is as good as the wanted one.
func reusable(pod *corev1.Pod, want *corev1.EphemeralContainer) string {
	for i := range pod.Spec.EphemeralContainers {
		have := &pod.Spec.EphemeralContainers[i]
		s := remote.Status(pod, have.Name)
		if IsOurs(have) && s != nil && s.State.Running != nil && have.TargetContainerName == want.TargetContainerName &&
			have.Image == want.Image && equality.Semantic.DeepEqual(have.SecurityContext, want.SecurityContext) {
			return have.Name
		}
	}
	return ""
}

// patch adds the container, or asks whether it could be added.
func (c *Collector) patch(ctx context.Context, container *corev1.EphemeralContainer, dryRun bool) error {
	body, err := json.Marshal(map[string]any{
		// The server compares it: another pod of the same name is not changed.
		"metadata": map[string]any{"uid": c.target.PodUID},
		"spec":     map[string]any{"ephemeralContainers": []any{container}},
	})
	if err != nil {
		return err
	}
	ref := remote.Ref(c.target)
	ref.Subresource = "ephemeralcontainers"
	err = c.client.Patch(ctx, ref, types.StrategicMergePatchType, body, nil, kube.WriteOptions{DryRun: dryRun})
	switch {
	case err == nil:
		return nil
	case apierrors.IsConflict(err):
		return fmt.Errorf("%w: pod %s was replaced by another of the same name: %w", collect.ErrChanged, c.target.Pod, err)
	case !refused(err):
		return err
	}
	return fmt.Errorf("%w: %w.%s It was not added", ErrRefused, err, hint(err))
}

// refused reports whether the server has decided against it; else it may have been done.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) ||
		apierrors.IsConflict(err) || apierrors.IsUnauthorized(err) || apierrors.IsMethodNotSupported(err)
}

// hint says what stands behind a refusal.
func hint(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "violates PodSecurity"):
		return " The namespace enforces a Pod Security level that our container, or the pod itself as it is, does not keep: the level is checked for the whole pod whenever one is added."
	case apierrors.IsForbidden(err) && strings.Contains(text, "cannot patch resource"):
		return " It takes the verb patch on pods/ephemeralcontainers."
	case strings.Contains(text, "static pod"):
		return " The pod is made from a file on its node."
	}
	return ""
}
