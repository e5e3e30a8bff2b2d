package imagevolume

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/inspect/collect/internal/remote"
)

var (
	// ErrUnsupported means: the API server, or the node, can't mount images.
	ErrUnsupported = errors.New("the cluster has no image volumes (feature gate ImageVolume, on by default since Kubernetes 1.35)")
	// ErrImageMissing means: the node does not have the target's image any more, or not for us.
	ErrImageMissing = errors.New("the node does not give out the container's image")
	// ErrRefused means: the API server would not take the pod.
	ErrRefused = errors.New("the API server refuses the pod")
)

// refusal says what stands behind the API server's no.
func refusal(err error, namespace string) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "must specify a volume type"):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case strings.Contains(text, "violates PodSecurity"):
		return fmt.Errorf("%w: %w. The pod keeps the level restricted; the namespace asks for more", ErrRefused, err)
	case strings.Contains(text, "exceeded quota"), strings.Contains(text, "failed quota"):
		return fmt.Errorf("%w: %w. The resource quota of namespace %s leaves no room for it; give another by --scanner-namespace", ErrRefused, err, namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: %w. Make the namespace, or give another by --scanner-namespace", ErrRefused, err)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// explain says what stands behind the kubelet's no. The kubelet gives the same
// reasons for the container's own image as for the one that is mounted, but
// names it.
func (c *Collector) explain(err error) error {
	var start *remote.StartError
	if !errors.As(err, &start) {
		return err
	}
	ref := c.made.Spec.Volumes[0].Image.Reference
	named := func(name string) bool { return strings.Contains(start.Message, name) }
	switch {
	case start.Reason == "ErrImageNeverPull", named(ref) && strings.Contains(start.Reason, "Image"):
		return fmt.Errorf("%w: %w. Either it was removed from the node while the container ran on, or it was pulled with a secret and the node gives it only to pods that have that secret: name one of namespace %s", ErrImageMissing, err, c.options.Namespace)
	case start.Reason == "CreateContainerError" && (named("image volume") || named("mount") && named(ref)):
		return fmt.Errorf("%w: the node's container runtime can't mount it: %w", ErrUnsupported, err)
	case strings.HasPrefix(start.Reason, "OutOf"), start.Reason == "NodeAffinity", start.Reason == "Evicted", start.Reason == "UnexpectedAdmissionError":
		return fmt.Errorf("node %s has no room for the pod: %w", c.target.Node, err)
	}
	return fmt.Errorf("%w. %s", err, remote.Hint(start.Reason, c.options.Image))
}
