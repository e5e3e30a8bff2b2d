package risk_test

import (
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/risk"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestRate(t *testing.T) {
	exec := risk.Use{Approaches: []snapshot.Approach{snapshot.KubernetesAPI}, Pods: 1, TokenLife: 10 * time.Minute, Script: true}
	volume := risk.Use{Approaches: []snapshot.Approach{snapshot.ImageVolume}, Pods: 1, TokenLife: 10 * time.Minute}
	debug := risk.Use{Approaches: []snapshot.Approach{snapshot.DebugContainer}, Pods: 1, TokenLife: 10 * time.Minute, Remains: true}
	asMe, ptrace, sidecar := exec, debug, risk.Use{Approaches: []snapshot.Approach{snapshot.SidecarContainer}, Pods: 1, TokenLife: 10 * time.Minute}
	asMe.Pods, asMe.TokenLife = 0, 0
	ptrace.Ptrace, ptrace.Root = true, true
	for _, tt := range []struct {
		name string
		use  risk.Use
		want string
	}{
		{"image volume", volume, risk.Low},
		{"exec with a grant", exec, risk.Low},
		{"exec with the user's own credentials", asMe, risk.Medium},
		{"debug container", debug, risk.Medium},
		{"debug container with SYS_PTRACE", ptrace, risk.High},
		{"sidecar container", sidecar, risk.High},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := risk.Rate(tt.use)
			if r.Rating != tt.want {
				t.Errorf("rated %s, want %s: %+v", r.Rating, tt.want, r.Factors)
			}
			if len(r.Factors) != 6 {
				t.Errorf("%d factors, want 6", len(r.Factors))
			}
			for _, f := range r.Factors {
				if f.Likelihood < 1 || f.Likelihood > 5 || f.Impact < 1 || f.Impact > 5 || f.Reason == "" {
					t.Errorf("factor out of its scale, or without a reason: %+v", f)
				}
			}
		})
	}
}

// More use is never rated better: each setting that widens a look leaves every
// factor where it was or makes it worse.
func TestRateIsMonotonic(t *testing.T) {
	for _, a := range []snapshot.Approach{snapshot.ImageVolume, snapshot.KubernetesAPI, snapshot.DebugContainer, snapshot.SidecarContainer} {
		base := risk.Use{Approaches: []snapshot.Approach{a}, Pods: 1, TokenLife: 10 * time.Minute}
		for name, widen := range map[string]func(*risk.Use){
			"own credentials": func(u *risk.Use) { u.Pods, u.TokenLife = 0, 0 },
			"shared home":     func(u *risk.Use) { u.SharedHome = true },
			"root":            func(u *risk.Use) { u.Root = true },
			"ptrace":          func(u *risk.Use) { u.Root, u.Ptrace = true, true },
			"long token":      func(u *risk.Use) { u.TokenLife = 24 * time.Hour },
			"remains":         func(u *risk.Use) { u.Remains = true },
			"also exec":       func(u *risk.Use) { u.Approaches = append(u.Approaches[:1:1], snapshot.KubernetesAPI) },
		} {
			wide := base
			widen(&wide)
			before, after := product(risk.Rate(base)), product(risk.Rate(wide))
			for i := range before {
				if after[i] < before[i] && name != "own credentials" && name != "remains" {
					t.Errorf("%s with %s: factor %d falls from %d to %d", a, name, i, before[i], after[i])
				}
			}
		}
	}
}

func product(r finding.Risk) []int {
	var p []int
	for _, f := range r.Factors {
		p = append(p, f.Likelihood*f.Impact)
	}
	return p
}
