package access

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// accountMissing fails where a pod runs as a service account that is not there.
//
// Fields: spec.serviceAccountName, and which service accounts there are.
func accountMissing() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "service-account-missing", Title: "Service account that is not there", Severity: finding.Low,
			Description: "The API server refuses pods whose service account does not exist, so nothing can be made of such a template; a pod that runs has lost its account since, and its token is worth nothing. " +
				"Whoever makes an account of that name decides what the pods may do.",
			Check: "A pod or pod template fails whose service account does not exist in its namespace. In files an account that is in none of them is not reviewed, since the cluster may have it; the account named default every namespace has.",
			Fix: "Make the account:\n\n" +
				"    apiVersion: v1\n    kind: ServiceAccount\n    metadata:\n      name: cart\n      namespace: shop\n    automountServiceAccountToken: false\n",
			References: references("service-account-missing", accountsPage),
		},
		Fields: []string{"spec.serviceAccountName"}, Kinds: append(rightsKinds(), accountKind()), KnowsGaps: true,
		Join: judgeAccountMissing,
	}
}

func judgeAccountMissing(j *check.Joint) check.Verdict {
	a := holdersOf(j.Index).holder(j.Pod.Namespace, j.ServiceAccount)
	at := declared(j.SpecPath+".serviceAccountName", j.ServiceAccount, "")
	switch {
	case j.Mirror:
		return verdict(finding.NotApplicable, finding.Low, "A static pod can't have a service account.")
	case a.declared:
		return verdict(finding.Pass, finding.Low, "Its service account is there.", at)
	case a.absent && j.Template:
		return verdict(finding.Fail, finding.Low, upper(name(a.subject))+" is not there: the API server refuses every pod of this template.", at)
	case a.absent:
		return verdict(finding.Fail, finding.Low, upper(name(a.subject))+" is not there any more: the pod's token is worth nothing.", at)
	case !j.Live && j.ServiceAccount == "default":
		return verdict(finding.Pass, finding.Low, "Every namespace has the service account default.", at)
	}
	return verdict(finding.NotReviewed, finding.Low, a.unknown, at)
}

// tokenSecret fails where a service account has a secret with a token that
// never ends.
//
// Fields: metadata.name, secrets of service accounts; subjects, roleRef and rules.
func tokenSecret() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "service-account-token-secret", Title: "Token that never ends", Severity: finding.Low,
			Description: "Before 1.24 every service account got a secret with a token that never ends and is good from anywhere. Such secrets outlive updates of the cluster; whoever reads one, or finds it in a backup, is the account until somebody deletes it.",
			Check: "A service account fails that lists, among its secrets, one named after it as Kubernetes named those of tokens (NAME-token-…). Secrets are not read for it: that the one listed is still there is not looked at. " +
				"It is medium where the account has a dangerous right, else low. A secret with a token that somebody made by hand is not listed there.",
			Fix: "Delete the secret, and take it from the list; pods get tokens of their own, that end. The account then has none:\n\n" +
				"    apiVersion: v1\n    kind: ServiceAccount\n    metadata:\n      name: cart\n      namespace: shop\n    automountServiceAccountToken: false\n",
			References: references("service-account-token-secret", "concepts/security/service-accounts/#get-a-token"),
		},
		Fields: []string{"metadata.name", "secrets[*].name", "subjects", "roleRef", "rules"},
		Kinds:  append(rightsKinds(), accountKind()), KnowsGaps: true,
		SurveyCluster: surveyTokenSecrets,
	}
}

func surveyTokenSecrets(x *index.Index, yield check.Yield) {
	h := holdersOf(x)
	for _, in := range x.Objects(accountKind()) {
		o, ok := in.Object.(*corev1.ServiceAccount)
		if !ok {
			continue
		}
		all := tokenSecrets(o)
		if len(all) == 0 {
			yield(in, verdict(finding.Pass, finding.Low, "It lists no secret with a token.", declared("secrets", number(len(o.Secrets)), "")))
			continue
		}
		var named []string
		for _, i := range all {
			named = append(named, o.Secrets[i].Name)
		}
		severity, note := finding.Low, ""
		if a := h.holder(o.Namespace, o.Name); a.any && a.severity.Rank() <= finding.High.Rank() {
			severity, note = finding.Medium, " Who has it has what "+a.by.String()+" gives: "+a.why+"."
		}
		yield(in, verdict(finding.Fail, severity, fmt.Sprintf(
			"By its name %s holds a token of the account that never ends.%s", firstFew(named), note,
		), declared(fmt.Sprintf("secrets[%d].name", all[0]), named[0], "")))
	}
}

func number(n int) string {
	if n == 0 {
		return check.Unset
	}
	return fmt.Sprintf("%d secrets", n)
}

// tokenSecrets are the places, among the secrets that an account lists, of those
// that by their names hold a token of it.
func tokenSecrets(a *corev1.ServiceAccount) []int {
	var all []int
	for i := range a.Secrets {
		if rest, ok := strings.CutPrefix(a.Secrets[i].Name, a.Name+"-token-"); ok && rest != "" {
			all = append(all, i)
		}
	}
	return all
}
