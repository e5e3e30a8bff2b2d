package cluster

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
)

const deprecationPage = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

const versionFix = "Write the object in the version that replaces it (the guide names the fields that change), and apply it anew:\n\n" +
	"    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n    metadata:\n      name: shop\n"

// howVersions is how both checks decide which version counts.
const howVersions = "In files the apiVersion of the object counts. In a cluster every object can be read in the newest version, so there the one counts in which somebody applied it: " +
	"what the annotation kubectl.kubernetes.io/last-applied-configuration begins with; an object without it is not applicable. It is judged for --target-version, else for the version of the API server, " +
	"else for the newest Kubernetes that Assay knows. When a version was deprecated and removed comes from the tables in k8s.io/api and the Deprecated API Migration Guide. " +
	"Custom resources are not applicable."

// apiRemoved fails where an object is written in an API version that the server
// does not have any more.
func apiRemoved() *check.Check {
	const id = "api-version-removed"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "API version that is removed",
			Severity: finding.High,
			Description: "The object is written in an API version that Kubernetes has removed. An API server of that version refuses it: a restore, a new cluster, or the next change fails, " +
				"also where the object is a policy that everybody relies on.",
			Check: "Fails where the version that counts was removed: high for a file and a known server or target, medium for a file that is judged for the newest known Kubernetes, " +
				"and medium for an object of a cluster, where the object goes on and only its manifest does not. " + howVersions,
			Fix:        versionFix,
			References: references(id, deprecationPage),
		},
		Fields:       []string{"apiVersion", "kind", "metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']"},
		JudgeVersion: func(v check.Versioned) check.Verdict { return judgeVersion(v, finding.High, judgeRemoved) },
	}
}

// apiDeprecated fails where an object is written in an API version that will go.
func apiDeprecated() *check.Check {
	const id = "api-version-deprecated"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "API version that is deprecated",
			Severity:    finding.Low,
			Description: "The object is written in an API version that Kubernetes has deprecated, and will remove or has no more care for. After an upgrade that removes it the object is refused.",
			Check:       "Fails where the version that counts was deprecated and is not removed yet (that is another check's). " + howVersions,
			Fix:         versionFix,
			References:  references(id, "https://kubernetes.io/docs/reference/using-api/deprecation-policy/"),
		},
		Fields:       []string{"apiVersion", "kind", "metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']"},
		JudgeVersion: func(v check.Versioned) check.Verdict { return judgeVersion(v, finding.Low, judgeDeprecated) },
	}
}

// dated is a version of the API at a version of Kubernetes. It is passed by
// value, so that judging most objects allocates nothing.
type dated struct {
	check.Versioned
	apiVersion string // the one that counts
	span       *span
	minor      int
	known      bool // the server's version, or a target
}

func judgeVersion(v check.Versioned, severity finding.Severity, judge func(dated) check.Verdict) check.Verdict {
	out := check.Verdict{Status: finding.NotApplicable, Severity: severity, Evidence: finding.Declared}
	d := dated{Versioned: v, apiVersion: v.APIVersion}
	if v.Live {
		applied := lastApplied(v.Meta)
		if applied == "" {
			if !v.Brief {
				out.Message = "Nothing tells in which API version the object was applied."
			}
			return out
		}
		d.apiVersion = appliedVersion(applied)
		if d.apiVersion == "" {
			if !v.Brief {
				out.Message = "The annotation with the last applied configuration does not begin with an apiVersion."
			}
			return out
		}
	}
	d.span = spanOf(d.apiVersion, v.Kind)
	if d.span == nil {
		if !v.Brief {
			out.Message = fmt.Sprintf("%s %s is not among the API versions of Kubernetes that Assay knows.", d.apiVersion, v.Kind)
		}
		return out
	}
	name := v.Target
	if name == "" {
		name = v.Server
	}
	if name == "" {
		newest := pss.Newest()
		d.minor = newest.Minor()
		return judge(d)
	}
	if d.minor, d.known = minorOf(name); !d.known {
		out.Status = finding.NotReviewed
		if !v.Brief {
			out.Message = fmt.Sprintf("The version %q, for which it is to be judged, can't be read: it should be like 1.36.", name)
			out.Basis = []finding.Basis{d.basis()}
		}
		return out
	}
	return judge(d)
}

func judgeRemoved(d dated) check.Verdict {
	out := check.Verdict{Status: finding.Pass, Severity: finding.High, Evidence: finding.Declared}
	if d.span.removed > 0 && d.minor >= d.span.removed {
		out.Status = finding.Fail
	}
	if out.Status == finding.Fail && (d.Live || !d.known) {
		out.Severity = finding.Medium
	}
	if d.Brief {
		return out
	}
	out.Basis = []finding.Basis{d.basis()}
	if out.Status == finding.Fail {
		out.Message = fmt.Sprintf("Kubernetes 1.%d removed %s (%s).%s", d.span.removed, d.name(), d.forWhat(), d.instead())
	} else {
		out.Message = fmt.Sprintf("%s is there (%s).", d.name(), d.forWhat())
	}
	return out
}

func judgeDeprecated(d dated) check.Verdict {
	out := check.Verdict{Status: finding.Pass, Severity: finding.Low, Evidence: finding.Declared}
	switch {
	case d.span.removed > 0 && d.minor >= d.span.removed:
		out.Status = finding.NotApplicable
	case d.span.deprecated > 0 && d.minor >= d.span.deprecated:
		out.Status = finding.Fail
	}
	if d.Brief {
		return out
	}
	out.Basis = []finding.Basis{d.basis()}
	switch out.Status {
	case finding.NotApplicable:
		out.Message = fmt.Sprintf("%s is not only deprecated but removed.", d.name())
	case finding.Fail:
		gone := ""
		if d.span.removed > 0 {
			gone = fmt.Sprintf(", and 1.%d removes it", d.span.removed)
		}
		out.Message = fmt.Sprintf("Kubernetes 1.%d deprecated %s%s (%s).%s", d.span.deprecated, d.name(), gone, d.forWhat(), d.instead())
	default:
		out.Message = fmt.Sprintf("%s is not deprecated (%s).", d.name(), d.forWhat())
	}
	return out
}

func (d dated) name() string { return d.apiVersion + " " + d.Kind }

// forWhat says what it is judged for, as a clause.
func (d dated) forWhat() string {
	switch {
	case !d.known:
		return fmt.Sprintf("judged for Kubernetes 1.%d, the newest that Assay knows, since no server and no --target-version was given", d.minor)
	case d.Target != "":
		return fmt.Sprintf("judged for Kubernetes 1.%d, as asked for", d.minor)
	}
	return fmt.Sprintf("the API server is of 1.%d", d.minor)
}

// instead says what to do now.
func (d dated) instead() string {
	by := d.span.replacement
	if by == "" {
		by = successor(d.apiVersion, d.Kind)
	}
	s := " No other version of it is known that lasts: the guide says what took its place."
	if by != "" {
		s = " Use " + by + " instead."
	}
	if d.Live {
		s += " The object itself is well; it is the manifest it was applied from that has to change."
	}
	return s
}

func (d dated) basis() finding.Basis {
	if d.Live {
		return declared(annotation(corev1.LastAppliedConfigAnnotation), "(apiVersion: "+d.apiVersion+")")
	}
	return declared("apiVersion", d.apiVersion)
}

// lastApplied is that annotation, read without copying all of them.
func lastApplied(meta metav1.Object) string {
	if u, ok := meta.(*unstructured.Unstructured); ok {
		fields, _ := u.Object["metadata"].(map[string]any)
		annotations, _ := fields["annotations"].(map[string]any)
		s, _ := annotations[corev1.LastAppliedConfigAnnotation].(string)
		return s
	}
	return meta.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
}

// longestVersion bounds an apiVersion. A group may have 253 characters.
const longestVersion = 320

// appliedVersion is the apiVersion that a configuration begins with, as kubectl
// writes it: as JSON with sorted keys, of which it is the first. It is empty
// where the text begins in any other way.
func appliedVersion(configuration string) string {
	rest, ok := cut(configuration, "{")
	if !ok {
		return ""
	}
	if rest, ok = cut(rest, `"apiVersion"`); !ok {
		return ""
	}
	if rest, ok = cut(rest, ":"); !ok {
		return ""
	}
	if rest, ok = cut(rest, `"`); !ok {
		return ""
	}
	end := strings.IndexAny(rest[:min(len(rest), longestVersion)], "\"\\\n")
	if end <= 0 || rest[end] != '"' {
		return ""
	}
	return rest[:end]
}

// cut takes white space and then a prefix off a text.
func cut(s, prefix string) (rest string, ok bool) {
	for s != "" && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
		s = s[1:]
	}
	return strings.CutPrefix(s, prefix)
}

// minorOf reads the minor version of one such as "v1.36.2", "1.36" or "1.31+".
func minorOf(v string) (minor int, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "v"), "1.")
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if end == 0 || end > 4 || end < len(rest) && rest[end] != '.' && rest[end] != '+' && rest[end] != '-' {
		return 0, false
	}
	minor, err := strconv.Atoi(rest[:end])
	return minor, err == nil
}
