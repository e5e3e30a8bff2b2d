package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/pss"
)

const podSecurityPage = "https://kubernetes.io/docs/concepts/security/pod-security-admission/"

const podSecurityFix = "See what would break (assay psa -n NAME), then let the namespace enforce a level:\n\n" +
	"    apiVersion: v1\n    kind: Namespace\n    metadata:\n      name: shop\n      labels:\n" +
	"        pod-security.kubernetes.io/enforce: restricted\n        pod-security.kubernetes.io/enforce-version: latest\n"

// podSecurityAdmission fails where a namespace enforces no Pod Security Standard.
func podSecurityAdmission() *check.Check {
	const id = "pod-security-admission-missing"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Namespace enforces no Pod Security Standard",
			Severity: finding.Medium,
			Description: "The namespace lets in every pod, also privileged ones and those that mount the node's files. " +
				"Whoever may create pods in it can take over the nodes that they run on, and from there the cluster.",
			Check: "The label pod-security.kubernetes.io/enforce of the namespace is read as the API server reads it. Baseline and restricted pass; " +
				"privileged, and no label, fail (privileged is low for calico-system and kube-flannel, whose network plugins can't do without). A value that can't be read passes, because the API server then enforces restricted; another check tells of it. " +
				"A default in the API server's own configuration, and policies of other programs (webhooks, ValidatingAdmissionPolicies), are not looked at: the API does not show what they let in. " +
				"Kubernetes' own namespaces are not applicable.",
			Fix:        podSecurityFix,
			References: references(id, podSecurityPage),
		},
		Fields:      []string{"metadata.labels['pod-security.kubernetes.io/enforce']"},
		Kinds:       []schema.GroupKind{namespaceKind},
		JudgeObject: judgeEnforced,
	}
}

// ofNetworkPlugin reports whether a namespace is one that a network plugin's own
// manifests make, with that label.
func ofNetworkPlugin(namespace string) bool {
	return namespace == "calico-system" || namespace == "kube-flannel"
}

func judgeEnforced(o *index.Object, _ *index.Index) check.Verdict {
	if why := ownOfKubernetes(o.GetName()); why != "" {
		return say(finding.NotApplicable, finding.Medium, why)
	}
	labels := o.GetLabels()
	value, set := labels[api.EnforceLevelLabel]
	basis := declared(label(api.EnforceLevelLabel), check.OrUnset(value))
	policy, problems := pss.Labels(labels)
	switch {
	case !set:
		return say(finding.Fail, finding.Medium, "Every pod may be created here, also a privileged one: the namespace has no label pod-security.kubernetes.io/enforce. "+
			"(A default in the API server's own configuration would count; the API does not show it.) assay psa -n "+o.GetName()+" tells which level would break nothing today.", basis)
	case slices.ContainsFunc(problems, func(p pss.Problem) bool { return p.Label == api.EnforceLevelLabel }):
		return say(finding.Pass, finding.Medium, fmt.Sprintf("The level %q can't be read, so the API server enforces restricted.", value), basis)
	case policy.Enforce.Level == api.LevelPrivileged && ofNetworkPlugin(o.GetName()):
		return say(finding.Fail, finding.Low, "Every pod may be created here, also a privileged one: the label says so. "+
			"It is ranked low because the network plugin that this namespace is made for needs that; see that few people may create pods in it.", basis)
	case policy.Enforce.Level == api.LevelPrivileged:
		return say(finding.Fail, finding.Medium, "Every pod may be created here, also a privileged one: the label says so. assay psa -n "+o.GetName()+" tells which level would break nothing today.", basis)
	case policy.Enforce.Level == api.LevelBaseline:
		return say(finding.Pass, finding.Medium, "The namespace enforces baseline. Restricted would keep out more, such as pods that run as root.", basis)
	}
	return say(finding.Pass, finding.Medium, "The namespace enforces "+string(policy.Enforce.Level)+".", basis)
}

// podSecurityLabels fails where a label can't be read.
func podSecurityLabels() *check.Check {
	const id = "pod-security-labels-unreadable"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Pod Security label with a value that can't be read",
			Severity: finding.Low,
			Description: "A pod-security.kubernetes.io label has a value that the API server does not know. It does not do what its author meant: " +
				"a wrong level to enforce means restricted, which may keep pods from starting; a wrong level to audit or to warn of means that nothing is said; a wrong version means the latest.",
			Check: "The six labels pod-security.kubernetes.io/{enforce,audit,warn} and their -version are read as the API server reads them. " +
				"Fails where one has a value that it can't read. A namespace without such labels is not applicable.",
			Fix: "Write one of privileged, baseline and restricted, and as version latest or one like v1.36:\n\n" +
				"    apiVersion: v1\n    kind: Namespace\n    metadata:\n      name: shop\n      labels:\n" +
				"        pod-security.kubernetes.io/enforce: baseline\n        pod-security.kubernetes.io/warn: restricted\n",
			References: references(id, podSecurityPage+"#pod-security-admission-labels-for-namespaces"),
		},
		Fields: []string{
			"metadata.labels['pod-security.kubernetes.io/enforce']", "metadata.labels['pod-security.kubernetes.io/enforce-version']",
			"metadata.labels['pod-security.kubernetes.io/audit']", "metadata.labels['pod-security.kubernetes.io/audit-version']",
			"metadata.labels['pod-security.kubernetes.io/warn']", "metadata.labels['pod-security.kubernetes.io/warn-version']",
		},
		Kinds:       []schema.GroupKind{namespaceKind},
		JudgeObject: judgeLabels,
	}
}

func judgeLabels(o *index.Object, x *index.Index) check.Verdict {
	labels := o.GetLabels()
	var first string
	for key := range labels {
		if strings.HasPrefix(key, "pod-security.kubernetes.io/") && (first == "" || key < first) {
			first = key
		}
	}
	if first == "" {
		return say(finding.NotApplicable, finding.Low, "The namespace has no labels of Pod Security Admission.")
	}
	_, problems := pss.Labels(labels)
	if len(problems) == 0 {
		return say(finding.Pass, finding.Low, "The API server can read every label of Pod Security Admission.", declared(label(first), check.OrUnset(labels[first])))
	}
	var said []string
	var basis []finding.Basis
	for _, p := range problems {
		said = append(said, fmt.Sprintf("Label %s: %s.", p.Label, p.Message))
		basis = append(basis, declared(label(p.Label), check.OrUnset(p.Value)))
	}
	if !x.Live {
		said = append(said, "An API server does not take a new namespace with such a label.")
	}
	return say(finding.Fail, finding.Low, strings.Join(said, " "), basis...)
}

// change is a rule of the Pod Security Standards that begins or changes in a version.
type change struct {
	version api.Version
	level   api.Level
	title   string
}

// podSecurityVersion fails where a namespace enforces an old version whose
// rules are not those of the server.
func podSecurityVersion() *check.Check {
	const id = "pod-security-version-old"
	changes := sync.OnceValue(rulesThatChanged)
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Old version of the Pod Security Standards enforced",
			Severity: finding.Low,
			Description: "The namespace enforces the Pod Security Standards of an old version of Kubernetes. Rules that were added or changed since don't count here, " +
				"while people believe that the level is what its name says today.",
			Check: "Fails where the label pod-security.kubernetes.io/enforce-version names a version older than the API server (or --target-version), the namespace enforces baseline or restricted, " +
				"and a rule of that level has begun or changed in between. latest, no label, and a version with the same rules pass. " +
				"Where the server's version is not known, an old version is not-reviewed. A namespace that enforces nothing is not applicable.",
			Fix: "Follow the server's version, or name a newer one (assay psa shows what would break):\n\n" +
				"    apiVersion: v1\n    kind: Namespace\n    metadata:\n      name: shop\n      labels:\n" +
				"        pod-security.kubernetes.io/enforce: restricted\n        pod-security.kubernetes.io/enforce-version: latest\n",
			References: references(id, podSecurityPage),
		},
		Fields: []string{"metadata.labels['pod-security.kubernetes.io/enforce']", "metadata.labels['pod-security.kubernetes.io/enforce-version']"},
		Kinds:  []schema.GroupKind{namespaceKind},
		JudgeObject: func(o *index.Object, x *index.Index) check.Verdict {
			return judgePinned(o, x, changes)
		},
	}
}

func judgePinned(o *index.Object, x *index.Index, changes func() []change) check.Verdict {
	labels := o.GetLabels()
	policy, _ := pss.Labels(labels)
	if policy.Enforce.Level == api.LevelPrivileged {
		return say(finding.NotApplicable, finding.Low, "The namespace enforces no standard.")
	}
	value, set := labels[api.EnforceVersionLabel]
	basis := declared(label(api.EnforceVersionLabel), check.OrUnset(value))
	pinned := policy.Enforce.Version
	if !set || pinned.Latest() {
		return say(finding.Pass, finding.Low, "The namespace enforces the rules of the API server's own version.", basis)
	}
	server, err := pss.Version(cmp.Or(x.Target, x.Server))
	if newer := (*pss.NewerError)(nil); err != nil && !errors.As(err, &newer) {
		return say(finding.NotReviewed, finding.Low, fmt.Sprintf("The namespace enforces the rules of %s. Which version the API server has is not known.", value), basis)
	}
	if !pinned.Older(server) {
		return say(finding.Pass, finding.Low, fmt.Sprintf("The namespace enforces the rules of %s, and the API server has no newer ones.", value), basis)
	}
	var titles []string
	for _, c := range changes() {
		newer := pinned.Older(c.version) && !server.Older(c.version)
		if newer && (c.level == api.LevelBaseline || policy.Enforce.Level == api.LevelRestricted) && !slices.Contains(titles, c.title) {
			titles = append(titles, c.title)
		}
	}
	if len(titles) == 0 {
		return say(finding.Pass, finding.Low, fmt.Sprintf("The namespace enforces the rules of %s, which are those of %s.", value, server), basis)
	}
	return say(finding.Fail, finding.Low, fmt.Sprintf("The namespace enforces %s as it was in %s, and would be judged by %s. New or changed since: %s.",
		policy.Enforce.Level, value, server, strings.Join(titles, "; ")), basis)
}

// rulesThatChanged lists every version in which a rule begins or changes.
func rulesThatChanged() []change {
	var all []change
	for _, c := range pss.Checks() {
		for _, name := range c.MinVersions {
			if v, err := api.ParseVersion(name); err == nil {
				all = append(all, change{v, c.Level, c.Title})
			}
		}
	}
	return all
}
