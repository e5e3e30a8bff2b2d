package finding

import (
	"fmt"
	"slices"
	"strings"
)

// Status is the verdict of one rule about one container or object.
type Status string

// The statuses. Only Pass says that all is well: what could not be read is
// Error or NotReviewed.
const (
	Fail          Status = "fail"
	Pass          Status = "pass"
	Error         Status = "error"          // could not be judged because something went wrong
	NotApplicable Status = "not-applicable" // the rule does not concern this object
	NotReviewed   Status = "not-reviewed"   // could be judged, but the evidence was not available
)

// Statuses lists every status, the gravest first: of several verdicts about
// the same thing the one that comes first here stands.
var Statuses = []Status{Fail, Error, NotReviewed, Pass, NotApplicable}

// ParseStatus returns the status of that name, or an error that lists them all.
func ParseStatus(s string) (Status, error) {
	if slices.Contains(Statuses, Status(s)) {
		return Status(s), nil
	}
	return "", unknown("status", s, Statuses)
}

// Severity says how much a failed rule matters.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Severities lists every severity, the gravest first.
var Severities = []Severity{Critical, High, Medium, Low, Info}

// Rank is 0 for critical and rises as severity falls; an unknown severity
// ranks below all others.
func (s Severity) Rank() int {
	if i := slices.Index(Severities, s); i >= 0 {
		return i
	}
	return len(Severities)
}

// AtLeast reports whether s is as grave as threshold or graver.
func (s Severity) AtLeast(threshold Severity) bool { return s.Rank() <= threshold.Rank() }

// ParseSeverity returns the severity of that name, or an error that lists them all.
func ParseSeverity(s string) (Severity, error) {
	if slices.Contains(Severities, Severity(s)) {
		return Severity(s), nil
	}
	return "", unknown("severity", s, Severities)
}

// Evidence says how a finding is known.
type Evidence string

// The kinds of evidence, from the weakest to the strongest.
const (
	Declared Evidence = "declared" // the object's spec says so
	Reported Evidence = "reported" // the kubelet wrote it into the object's status
	Observed Evidence = "observed" // seen inside the container
)

// Strength rises with the evidence: 1 for declared, 3 for observed.
func (e Evidence) Strength() int {
	return 1 + slices.Index([]Evidence{Declared, Reported, Observed}, e)
}

// ContainerType says which list of a pod's spec a container stands in.
type ContainerType string

// The container types. A sidecar container is an init container with
// restartPolicy Always (KEP-753); an image volume is not a container, but it
// brings an image's content into one (KEP-4639).
const (
	Container          ContainerType = "container"
	InitContainer      ContainerType = "initContainer"
	SidecarContainer   ContainerType = "sidecarContainer"
	EphemeralContainer ContainerType = "ephemeralContainer"
	ImageVolume        ContainerType = "imageVolume"
)

func unknown[T ~string](what, got string, known []T) error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	return fmt.Errorf("unknown %s %q: use one of %s", what, got, strings.Join(names, ", "))
}
