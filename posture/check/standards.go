package check

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// Standards are the Pod Security Standards of one version.
type Standards struct {
	// Version is that of the standards, such as "v1.36".
	Version string

	controls map[string]*pss.Control
}

// NewStandards prepares the standards of the version that a server judges by
// when a label says "latest".
func NewStandards(version api.Version) (*Standards, error) {
	e, err := pss.New()
	if err != nil {
		return nil, err
	}
	s := &Standards{Version: version.String(), controls: map[string]*pss.Control{}}
	for _, c := range pss.Checks() {
		s.controls[c.ID] = e.Control(c.ID, version)
	}
	return s, nil
}

// Control is the standards' own check of an ID such as "hostNamespaces"; nil
// where the version has none.
func (s *Standards) Control(id string) *pss.Control { return s.controls[id] }

// Denies reports whether the standards' check finds something in one container
// of a pod, or, where the container is nil, in the pod's own settings.
func (s *Standards) Denies(id string, meta *metav1.ObjectMeta, spec *corev1.PodSpec, c *workload.Container) bool {
	control := s.controls[id]
	return control != nil && control.Has(meta, spec, c)
}
