package pod

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// longest is how long a projected token may be valid: the kubelet renews every
// token once it is a day old, so that more is of no use to the pod.
const longest = 24 * time.Hour

// projectedTokenLifetime fails where a pod asks for a token that outlives a day.
//
// Fields: spec.volumes[*].projected.sources[*].serviceAccountToken.expirationSeconds.
func projectedTokenLifetime() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "projected-token-lifetime", Title: "Service account token is valid for more than a day", Severity: finding.Medium,
			Description: "The pod asks for a service account token that stays valid for longer than a day. The kubelet renews such tokens at least once a day, " +
				"so the pod gains nothing from it; but whoever steals one can use it for all that time, as long as the pod exists.",
			Check: "expirationSeconds of every projected serviceAccountToken: more than 86400 fails. Unset means one hour. The API server may cut it down (--service-account-max-token-expiration); that can't be seen.",
			Fix: "Leave expirationSeconds at its default of an hour, or near it:\n\n" +
				"    spec:\n      volumes:\n      - name: token\n        projected:\n          sources:\n          - serviceAccountToken:\n              path: token\n              expirationSeconds: 3600\n",
			References: references("projected-token-lifetime", "concepts/storage/projected-volumes/#serviceaccounttoken"),
		},
		Fields: []string{"spec.volumes[*].projected.sources[*].serviceAccountToken.expirationSeconds"},
		JudgePod: func(v check.View) check.Verdict {
			return judgeTokens(&v, finding.Medium, "expirationSeconds",
				func(t *corev1.ServiceAccountTokenProjection) bool {
					return t.ExpirationSeconds != nil && *t.ExpirationSeconds > int64(longest/time.Second)
				},
				func(t *corev1.ServiceAccountTokenProjection) string { return check.Int(t.ExpirationSeconds) },
				"The pod asks for no service account token that is valid for more than a day.",
				func(values []string) string {
					seconds := int64(0)
					for _, s := range values {
						n, _ := strconv.ParseInt(s, 10, 64) // of check.Int
						seconds = max(seconds, n)
					}
					return fmt.Sprintf("The pod asks for a service account token that is valid for %d days. The kubelet renews it every day anyway, and a stolen one works for all that time.",
						(seconds+86399)/86400)
				})
		},
	}
}

// projectedTokenAudience fails where a pod gets a token that is meant for
// somebody else than the API server.
//
// Fields: spec.volumes[*].projected.sources[*].serviceAccountToken.audience.
func projectedTokenAudience() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "projected-token-audience", Title: "Pod has a token for another system", Severity: finding.Info,
			Description: "The pod gets a service account token that is meant for another system than the cluster's own API server, such as a cloud or a vault for secrets. " +
				"That is the right way to log in there; but whoever takes over the pod can do so too, and what the account may do there is not visible in the cluster.",
			Check: "The audience of every projected serviceAccountToken: one that is set, and is not a usual name of the API server (such as https://kubernetes.default.svc), fails. It is for your information: go and see what the account may do there.",
			Fix: "Where the other system is not used any more, take the token out. Else see to it that the account may do little there, and give it a service account of its own:\n\n" +
				"    spec:\n      serviceAccountName: cart\n",
			References: references("projected-token-audience", "concepts/storage/projected-volumes/#serviceaccounttoken"),
		},
		Fields: []string{"spec.volumes[*].projected.sources[*].serviceAccountToken.audience"},
		JudgePod: func(v check.View) check.Verdict {
			return judgeTokens(&v, finding.Info, "audience",
				func(t *corev1.ServiceAccountTokenProjection) bool { return !ofAPIServer(t.Audience) },
				func(t *corev1.ServiceAccountTokenProjection) string { return check.OrUnset(t.Audience) },
				"The pod gets no service account token for another system.",
				func(values []string) string {
					return "The pod gets a service account token for another system: " + strings.Join(values, ", ") + ". Whoever takes the pod over can log in there as this service account."
				})
		},
	}
}

// ofAPIServer reports whether an audience is one that API servers usually
// have: none, or their name in the cluster, with whatever cluster domain.
func ofAPIServer(audience string) bool {
	name := strings.TrimSuffix(strings.TrimPrefix(audience, "https://"), "/")
	return name == "" || name == "api" || name == "kubernetes" || name == "kubernetes.default" || name == "kubernetes.default.svc" ||
		strings.HasPrefix(name, "kubernetes.default.svc.")
}

// judgeTokens asks about every projected token whether a field of it is bad.
func judgeTokens(v *check.View, s finding.Severity, field string, isBad func(*corev1.ServiceAccountTokenProjection) bool,
	valueOf func(*corev1.ServiceAccountTokenProjection) string, fine string, wrong func([]string) string,
) check.Verdict {
	out := declared(false, s)
	var values []string
	var good []finding.Basis
	for i := range v.Spec.Volumes {
		p := v.Spec.Volumes[i].Projected
		if p == nil {
			continue
		}
		for j := range p.Sources {
			t := p.Sources[j].ServiceAccountToken
			if t == nil {
				continue
			}
			bad := isBad(t)
			if bad {
				out.Status = finding.Fail
			}
			if v.Brief {
				continue
			}
			value := valueOf(t)
			basis := v.InPod(fmt.Sprintf("volumes[%d].projected.sources[%d].serviceAccountToken.%s", i, j, field), value)
			if !bad {
				good = append(good, basis)
				continue
			}
			out.Basis = append(out.Basis, basis)
			if !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	if v.Brief {
		return out
	}
	if out.Status == finding.Fail {
		out.Message = wrong(values)
		return out
	}
	out.Message = fine
	if out.Basis = good; good == nil {
		out.Basis = volumesBasis(v)
	}
	return out
}
