package pss

import (
	"fmt"

	"k8s.io/pod-security-admission/api"
)

// Problem is a label of a namespace that can't be read.
type Problem struct {
	Label string `json:"label"`
	Value string `json:"value"`
	// Message says what is wrong, and what the admission plugin does instead.
	Message string `json:"message"`
}

// Labels reads the policy that a namespace's labels ask for, by the library's
// own reading, and with the plugin's built-in default for what they leave
// out: privileged, latest. A value that can't be read is a problem, and the
// policy is then what the plugin takes in its place: to enforce restricted,
// but to audit and to warn about nothing; for a version the latest.
func Labels(labels map[string]string) (api.Policy, []Problem) {
	open := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
	p, wrong := api.PolicyToEvaluate(labels, api.Policy{Enforce: open, Audit: open, Warn: open})
	var problems []Problem
	for _, label := range policyLabels() {
		value, set := labels[label.name]
		if !set || len(wrong) == 0 {
			continue
		}
		// The library's errors come in the order of policyLabels, one a label.
		if wrong[0].Field != label.field {
			continue
		}
		problems = append(problems, Problem{
			Label: label.name, Value: value,
			Message: fmt.Sprintf("the value %q %s; %s", value, wrong[0].Detail, label.instead),
		})
		wrong = wrong[1:]
	}
	for _, e := range wrong { // of a label that this package does not know of
		problems = append(problems, Problem{Label: e.Field, Value: fmt.Sprint(e.BadValue), Message: e.Detail})
	}
	return p, problems
}

// policyLabel is one label, with the name that errors give it.
type policyLabel struct{ name, field, instead string }

// policyLabels are the labels in the order in which the library reads them.
func policyLabels() []policyLabel {
	return []policyLabel{
		newPolicyLabel(api.EnforceLevelLabel, "the API server enforces restricted until it is corrected"),
		newPolicyLabel(api.EnforceVersionLabel, "the API server takes the latest version until it is corrected"),
		newPolicyLabel(api.AuditLevelLabel, "the API server audits nothing until it is corrected"),
		newPolicyLabel(api.AuditVersionLabel, "the API server takes the latest version until it is corrected"),
		newPolicyLabel(api.WarnLevelLabel, "the API server warns of nothing until it is corrected"),
		newPolicyLabel(api.WarnVersionLabel, "the API server takes the latest version until it is corrected"),
	}
}

func newPolicyLabel(name, instead string) policyLabel {
	return policyLabel{name, "metadata.labels[" + name + "]", instead}
}
