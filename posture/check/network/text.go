package network

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	graph "github.com/kubeassay/assay/posture/network"
)

// references are the items of frameworks that a check serves, and pages that
// say more.
func references(id string, urls ...string) []finding.Reference {
	all := framework.References(id)
	for _, u := range urls {
		all = append(all, finding.Reference{URL: u})
	}
	return all
}

// say is a verdict that rests on what is declared.
func say(status finding.Status, severity finding.Severity, message string, basis ...finding.Basis) check.Verdict {
	return check.Verdict{Status: status, Severity: severity, Evidence: finding.Declared, Message: message, Basis: basis}
}

// declared is one declared field.
func declared(field, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: field, Value: value}
}

// shown is how much of a long value a basis shows.
const shown = 256

// named is how many names a message or a basis lists.
const named = 3

// listed joins names, and counts those that are too many.
func listed(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}

// byNames names policies.
func byNames(refs []graph.Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
	}
	return listed(names)
}

// doubts says why something is not known.
func doubts(all []graph.Doubt) string {
	var said []string
	for i := range all {
		if len(said) == named {
			break
		}
		said = append(said, check.Sentence(all[i].String()))
	}
	return strings.Join(said, " ")
}

// broken is the verdict about an object with fields that can't be read, and
// what that means.
func broken(severity finding.Severity, problems []graph.Problem, meaning string, basis finding.Basis) check.Verdict {
	var said []string
	for i := range problems {
		if i == named {
			said = append(said, fmt.Sprintf("There are %d more such fields.", len(problems)-named))
			break
		}
		p := &problems[i]
		said = append(said, fmt.Sprintf("The field %s can't be read: %s.", p.Field, strings.TrimSuffix(p.Message, ".")))
	}
	return say(finding.Error, severity, strings.Join(said, " ")+" "+meaning, basis)
}

// refused is what it means for an object that Kubernetes itself checks.
const refused = "The API server refuses such an object, and it could not be judged."
