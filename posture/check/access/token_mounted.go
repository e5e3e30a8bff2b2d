package access

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// tokenMounted fails where a pod has a token that it has no use for.
//
// Fields: automountServiceAccountToken of the pod and of its service account,
// spec.serviceAccountName, projected tokens among the volumes, and all bindings
// that give the account, or its groups, a right.
func tokenMounted() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "service-account-token-mounted", Title: "Service account token mounted without need", Severity: finding.Low,
			Description: "The token in a pod is what an attacker inside it tries first: with it they are the service account. A program that never talks to the API server needs none. " +
				"Also without any right of its own it opens what every account may see, and tells the API server's version and address.",
			Check: "The token is mounted unless automountServiceAccountToken is false: the pod's own field decides, else the service account's, else it is mounted. Of a pod in a cluster it is seen in its volumes. " +
				"It fails where no binding gives the account, or a group that it is in, any right (what the API server gives to everybody does not count). " +
				"With any right it passes: the token has a use, and what is dangerous about the right is reported at the binding that gives it. In files the account may have rights in the cluster, or say that no token is mounted; then it may be so only. " +
				"A pod that mounts a token by a volume of its own, with automountServiceAccountToken false, passes.",
			Fix: "Say that no token is wanted, in the pod or in its service account:\n\n" +
				"    spec:\n      serviceAccountName: cart\n      automountServiceAccountToken: false\n",
			References: references("service-account-token-mounted", accountsPage+"#opt-out-of-api-credential-automounting"),
		},
		Fields: []string{
			"spec.automountServiceAccountToken", "spec.serviceAccountName", "spec.volumes[*].projected.sources[*].serviceAccountToken",
			"automountServiceAccountToken", "subjects", "roleRef", "rules",
		},
		Kinds: append(rightsKinds(), accountKind()), KnowsGaps: true,
		Join: judgeToken,
	}
}

// mount is by what a token is mounted, or not.
type mount int

const (
	mountUnknown mount = iota // it depends on an account that is not known
	mountStatic               // a static pod has no account
	mountOff                  // the pod says no
	mountOwn                  // it says no, and has a volume of its own
	mountAccountOff
	mountNotThere // a pod in a cluster has none
	mountPod      // the pod says yes
	mountAccount  // the account says yes, or nothing
	mountMay      // the account is not known, and would have to say no
	mountSeen     // a pod in a cluster has one
	mounts
)

func judgeToken(j *check.Joint) check.Verdict {
	h := holdersOf(j.Index)
	a := h.holder(j.Pod.Namespace, j.ServiceAccount)
	m := mountOf(j, a)
	known := a.verdicts[m]
	if known == nil {
		v := h.tokenVerdict(a, m)
		known = &v
		a.verdicts[m] = known
	}
	v := *known
	pod := declared(j.SpecPath+".automountServiceAccountToken", check.Bool(j.Automount), "")
	switch m {
	case mountAccount, mountAccountOff:
		v.Basis = []finding.Basis{pod, declared("automountServiceAccountToken", check.Bool(a.automount), "ServiceAccount/"+a.subject.Name)}
	default:
		v.Basis = []finding.Basis{pod}
	}
	if a.any && v.Status != finding.NotApplicable {
		v.Basis = append(v.Basis, declared("roleRef.name", a.role.Name, a.by.Kind+"/"+a.by.Name))
	}
	return v
}

// mountOf finds out by what the token of a pod is mounted.
func mountOf(j *check.Joint, a *holder) mount {
	off := j.Automount != nil && !*j.Automount
	accountOff := a.automount != nil && !*a.automount
	switch {
	case j.Mirror:
		return mountStatic
	case off && j.TokenVolume, j.Automount == nil && accountOff && j.TokenVolume:
		return mountOwn
	case off:
		return mountOff
	case j.Live && !j.Template && j.TokenVolume:
		return mountSeen
	case j.Live && !j.Template:
		return mountNotThere
	case j.Automount != nil:
		return mountPod
	case accountOff:
		return mountAccountOff
	case a.declared:
		return mountAccount
	case j.Live:
		return mountUnknown
	}
	return mountMay
}

// tokenVerdict is what is the same for all pods of an account.
func (h *holders) tokenVerdict(a *holder, m mount) check.Verdict {
	say := func(status finding.Status, message string) check.Verdict {
		return verdict(status, finding.Low, message)
	}
	switch m {
	case mountUnknown:
		if a.absent {
			return say(finding.NotReviewed, upper(name(a.subject))+" is not there, so whether it mounts a token is not known.")
		}
		return say(finding.NotReviewed, a.unknown)
	case mountStatic:
		return say(finding.NotApplicable, "A static pod can't have a service account.")
	case mountOff:
		return say(finding.Pass, "The pod wants no token.")
	case mountOwn:
		return say(finding.Pass, "No token is mounted by itself; the pod has one by a volume of its own.")
	case mountAccountOff:
		return say(finding.Pass, "The service account wants no token mounted.")
	case mountNotThere:
		return say(finding.Pass, "The pod has no token.")
	case mountPod, mountAccount, mountMay, mountSeen, mounts:
	}
	return h.needed(a, m)
}

// needed judges a token that is mounted by what can be done with it.
func (h *holders) needed(a *holder, m mount) check.Verdict {
	v := verdict(finding.Fail, finding.Low, "")
	v.May = m == mountMay
	who := name(a.subject)
	has := "The pod has a token of " + who
	switch m {
	case mountMay:
		has = "The pod may get a token of " + who + " (which is in none of the files, and may say no)"
	case mountAccount, mountPod:
		has = "The pod gets a token of " + who
	default:
	}
	switch {
	case a.any && a.severity.AtLeast(finding.High):
		v.Status, v.May = finding.Pass, false
		v.Message = upper(who) + " has a right by " + a.by.String() + ", so that the token has a use. That the right is dangerous is said about the binding: " + a.why + "."
	case a.any:
		v.Status, v.May = finding.Pass, false
		v.Message = upper(who) + " has a right by " + a.by.String() + ", so that the token has a use."
	case h.unclear != "":
		v.Status, v.May, v.Message = finding.NotReviewed, false, h.unclear
	case a.given.unknown:
		v.Status, v.May, v.Message = finding.NotReviewed, false, upper(who)+" is bound to a role that is not known, so whether it needs its token is not known."
	case !h.x.Live:
		v.May = true
		v.Message = has + ", and may have no need of it: no binding in these files gives the account a right."
	default:
		v.Message = has + " that it has no need of: no binding gives the account a right."
	}
	return v
}
