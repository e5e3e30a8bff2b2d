package access

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/internal/excerpt"
)

// HomeNamespace is where the ServiceAccounts of grants live, if the cluster has it.
const HomeNamespace = "assay-system"

// What everything that Assay makes for a while carries.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "assay"
	// LabelRun holds the run that something was made for.
	LabelRun = "assay.dev/run"
	// AnnotationExpires says, in RFC 3339, from when on anybody may remove it.
	AnnotationExpires   = "assay.dev/expires"
	AnnotationCreatedBy = "assay.dev/created-by"
	// Selector finds all of it.
	Selector = LabelManagedBy + "=" + ManagedBy + "," + LabelRun
)

// The beginnings of names. Admission policies see of whoever asks nothing but
// the account's name, so it is the name that tells our own inspections from
// access that was handed to another tool.
const (
	InspectPrefix = "assay-inspect-"
	HandoutPrefix = "assay-handout-"
	// StandingAccount is the account of a role that stands for good.
	StandingAccount = "assay-inspect"
	// ObjectPrefix begins the names of all objects and ephemeral containers of ours.
	ObjectPrefix = "assay-"
)

// NewRun makes a name for a run that no other run has.
func NewRun() string { return strings.ToLower(rand.Text()[:12]) }

// Labels mark an object as made for a run.
func Labels(run string) map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, LabelRun: run}
}

// Annotations say when an object may be removed by anybody, and who made it (where that is known).
func Annotations(expires time.Time, by string) map[string]string {
	a := map[string]string{AnnotationExpires: expires.UTC().Format(time.RFC3339)}
	if by != "" {
		a[AnnotationCreatedBy] = by
	}
	return a
}

// expiry reads the annotation.
func expiry(m *metav1.ObjectMeta) (time.Time, error) {
	text, ok := m.Annotations[AnnotationExpires]
	if !ok {
		return time.Time{}, fmt.Errorf("it has no annotation %s", AnnotationExpires)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("its annotation %s is not a time: %q", AnnotationExpires, clip(text))
	}
	return t, nil
}

// clip keeps foreign text short.
func clip(s string) string { return excerpt.Of(s, 100) }

// isGrantName tells names of grants from those that others gave.
func isGrantName(name string) bool {
	return strings.HasPrefix(name, InspectPrefix) || strings.HasPrefix(name, HandoutPrefix)
}
