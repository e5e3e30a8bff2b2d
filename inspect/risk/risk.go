// Package risk rates what a look into a container costs, from what that look
// really uses: its approach, its rights, its credentials, what stays behind.
// It rates the looking, never the container; and it decides nothing.
//
// Each of six factors gets a likelihood and an impact from 1 to 5; their product
// gives the factor's rating (up to 4 low, up to 9 medium, up to 16 high), and
// the worst factor's rating is that of the whole.
//
//	r := risk.Rate(risk.Use{Approaches: []snapshot.Approach{snapshot.KubernetesAPI}, Pods: 1, TokenLife: 10 * time.Minute})
package risk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Use is what a run uses, or would.
type Use struct {
	Approaches []snapshot.Approach
	// Pods are how many pods the credentials reach; 0: they are the user's own,
	// whose reach is not limited by Assay.
	Pods int
	// TokenLife is how long the token lives; 0 for the user's own credentials.
	TokenLife time.Duration
	// SharedHome: the service account stands in a namespace where others may
	// create pods, and so could use it.
	SharedHome bool
	// Root: our process runs as uid 0 in the target's namespaces.
	Root bool
	// Ptrace: it has CAP_SYS_PTRACE.
	Ptrace bool
	// Script: a shell script runs in the target, with the target's own programs.
	Script bool
	// Remains: something stays behind that nobody can remove.
	Remains bool
}

func (u *Use) by(a snapshot.Approach) bool { return slices.Contains(u.Approaches, a) }

// The ratings, from the best to the worst.
const (
	Low      = "low"
	Medium   = "medium"
	High     = "high"
	Critical = "critical"
)

// Rate rates a run. The same use gives the same rating.
func Rate(u Use) finding.Risk {
	r := finding.Risk{Rating: Low}
	for _, rate := range []func(*Use) (string, int, int, string){privileges, surface, credentials, isolation, interference, persistence} {
		name, likelihood, impact, reason := rate(&u)
		f := finding.RiskFactor{Name: name, Likelihood: likelihood, Impact: impact, Rating: rating(likelihood * impact), Reason: reason}
		if order(f.Rating) > order(r.Rating) {
			r.Rating = f.Rating
		}
		r.Factors = append(r.Factors, f)
	}
	return r
}

func rating(product int) string {
	switch {
	case product >= 17:
		return Critical
	case product >= 10:
		return High
	case product >= 5:
		return Medium
	}
	return Low
}

func order(rating string) int { return slices.Index([]string{Low, Medium, High, Critical}, rating) }

// privileges: what the rights could do in wrong hands, and how far they reach.
func privileges(u *Use) (string, int, int, string) {
	const name = "required privileges"
	likelihood, reach := 1, "limited to "+pods(u.Pods)
	if u.Pods == 0 {
		likelihood, reach = 3, "the user's own rights, which Assay does not limit"
	}
	switch {
	case u.by(snapshot.DebugContainer):
		return name, likelihood, 4, "may add containers to running pods and run commands in them; " + reach
	case u.by(snapshot.KubernetesAPI):
		return name, likelihood, 3, "may run commands in running containers; " + reach
	case u.by(snapshot.SidecarContainer):
		return name, likelihood, 3, "may run commands in running pods, where RBAC can't tell our container from the others; " + reach
	}
	return name, likelihood, 2, "may create pods in the scanner's namespace, and nothing in the target's but reading; " + reach
}

func pods(n int) string {
	if n == 1 {
		return "one pod by name"
	}
	return fmt.Sprintf("%d pods by name", n)
}

// surface: what hostile content in the target can get at.
func surface(u *Use) (string, int, int, string) {
	const name = "attack surface"
	switch {
	case u.Script:
		return name, 2, 2, "a fixed script runs the target's own programs, which a hostile image could have replaced; what they answer is parsed within limits"
	case u.by(snapshot.KubernetesAPI):
		return name, 2, 2, "the target's own programs run with fixed arguments; what they answer is parsed within limits"
	}
	return name, 1, 2, "only our own static program runs; what it answers is parsed within limits"
}

// credentials: how bad it is if they are seen, and for how long.
func credentials(u *Use) (string, int, int, string) {
	const name = "credential exposure"
	if u.TokenLife == 0 {
		return name, 2, 4, "the user's own credentials are used; they outlive the run"
	}
	reason := fmt.Sprintf("a token in memory only, dead after %s at the latest and revoked at the end", u.TokenLife.Round(time.Second))
	likelihood := 1
	if u.SharedHome {
		likelihood = 2
		reason += "; whoever may create pods in the target's namespace could use its service account until then"
	}
	impact := 2
	if u.TokenLife > time.Hour {
		impact = 3
	}
	return name, likelihood, impact, reason
}

// isolation: which walls between containers the look takes down.
func isolation(u *Use) (string, int, int, string) {
	const name = "isolation"
	switch {
	case u.Ptrace:
		return name, 3, 4, "our container shares the target's processes and may trace them (CAP_SYS_PTRACE)"
	case u.by(snapshot.DebugContainer) && u.Root:
		return name, 2, 3, "our container shares the target's processes, as uid 0 with the target's capabilities"
	case u.by(snapshot.DebugContainer):
		return name, 2, 2, "our container shares the target's processes, with the target's user and capabilities"
	case u.by(snapshot.SidecarContainer):
		return name, 3, 3, "all containers of the pod share their processes for as long as the pod lives"
	case u.by(snapshot.KubernetesAPI):
		return name, 1, 2, "our process runs inside the target's own walls"
	}
	return name, 1, 1, "our pod has walls of its own and sees the image only"
}

// interference: what the target may notice.
func interference(u *Use) (string, int, int, string) {
	const name = "interference"
	var parts []string
	likelihood, impact := 1, 1
	if u.by(snapshot.KubernetesAPI) {
		likelihood, impact = 2, 2
		parts = append(parts, "processes run for a moment in the target's cgroup and count against its limits")
	}
	if u.by(snapshot.DebugContainer) {
		likelihood, impact = 2, 2
		parts = append(parts, "a container without limits of its own runs in the pod's cgroup")
	}
	if u.by(snapshot.SidecarContainer) {
		likelihood, impact = max(likelihood, 2), max(impact, 2)
		parts = append(parts, "a container of ours, with limits, runs beside the target all the time")
	}
	if len(parts) == 0 {
		parts = append(parts, "the target is not touched")
	}
	return name, likelihood, impact, strings.Join(parts, "; ")
}

// persistence: what is left when the look is over.
func persistence(u *Use) (string, int, int, string) {
	const name = "persistence"
	switch {
	case u.Remains:
		return name, 5, 1, "the ephemeral container's entry stays in the pod's spec until the pod is replaced; it no longer runs"
	case u.by(snapshot.SidecarContainer):
		return name, 5, 2, "the sidecar container stays until the workload is changed back"
	case u.TokenLife == 0:
		return name, 1, 1, "nothing stays behind"
	}
	return name, 1, 2, "nothing stays behind; what a crash leaves has an expiry date and is removed by the next run"
}
