package container

import (
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// silence is what the standards say about a container that does not set what a
// control asks for, in a pod that does not either. Most containers there are
// are such, and the answer about all of them is the same: it depends on nothing
// but spec.os, as a test of package pss shows. So the library is asked once.
type silence struct {
	control string
	known   atomic.Pointer[answers]
}

// answers are those of one version of the standards.
type answers struct {
	of             *check.Standards
	linux, windows bool
}

// denied is for a view whose container is such a one.
func (s *silence) denied(v *check.View) bool {
	known := s.known.Load()
	if known == nil || known.of != v.Standards {
		known = &answers{of: v.Standards, linux: s.ask(v, ""), windows: s.ask(v, corev1.Windows)}
		s.known.Store(known)
	}
	if declaresWindows(v) {
		return known.windows
	}
	return known.linux
}

func (s *silence) ask(v *check.View, os corev1.OSName) bool {
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}
	if os != "" {
		spec.OS = &corev1.PodOS{Name: os}
	}
	denied := false
	for c := range workload.Containers(&spec) {
		denied = v.Standards.Denies(s.control, &metav1.ObjectMeta{}, &spec, c)
	}
	return denied
}

// newest is a control of the version that is judged by, or, where that does
// not have it, of the newest one.
type newest struct {
	control string
	known   atomic.Pointer[pss.Control]
}

func (n *newest) get(v *check.View) *pss.Control {
	if c := v.Standards.Control(n.control); c != nil {
		return c
	}
	if c := n.known.Load(); c != nil {
		return c
	}
	e, err := pss.New()
	if err != nil {
		panic(err) // the standards themselves were made by it
	}
	c := e.Control(n.control, pss.Newest())
	n.known.Store(c)
	return c
}
