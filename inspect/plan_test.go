package inspect

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// plans makes a plan with a test's ways.
func (t *trial) plans(s Selection) *Plan {
	t.t.Helper()
	t.run = newRun(t.client, t.options, nil)
	t.run.ways = nil
	for _, i := range t.ways {
		t.run.ways = append(t.run.ways, i.way())
	}
	p, err := t.run.makePlan(t.ctx, s)
	if err != nil {
		t.t.Fatal(err)
	}
	for _, call := range t.calls {
		if strings.HasPrefix(call, "POST") && !strings.HasSuffix(call, "reviews") && !strings.HasSuffix(call, " dry") {
			t.t.Errorf("the plan changed something: %s", call)
		}
	}
	return p
}

func TestPlan(t *testing.T) {
	c := shop(t)
	asks := &inside{approach: snapshot.DebugContainer, agreed: func(context.Context, *Target) error {
		t.Error("the plan asks somebody")
		return errNotAgreed
	}}
	no := &inside{approach: snapshot.ImageVolume, possible: func() error { return errors.New("no namespace") }}
	x := c.trial(byExec(), asks, no)
	p := x.plans(refs(t, "deploy/cart", "web/front", "shop/none"))
	if len(p.Targets) != 3 || len(p.Coverage) != 1 || len(p.Maker) != 14 || p.Home != "" {
		t.Fatalf("%+v", p)
	}
	cart := p.Targets[1]
	if cart.Target != "shop/cart-b-1/app" || cart.Replicas != 2 || cart.Access != LeastPrivilege || cart.Approach != snapshot.KubernetesAPI || cart.Why != "a test made it up" || cart.Asks != "" || len(cart.Remains) != 0 {
		t.Errorf("%+v", cart)
	}
	if len(cart.Needs) != 1 || !slices.Equal(cart.Needs[0].Rules, []string{"get pods/cart-b-1", "get,create pods/cart-b-1/exec"}) || len(cart.Lacks) != 0 {
		t.Errorf("needs %+v, lacks %q", cart.Needs, cart.Lacks)
	}
	if !slices.Contains(cart.Calls, "what kubernetes-api asks") || !slices.Contains(cart.Calls, "create serviceaccounts/token in namespace shop") {
		t.Errorf("calls %q", cart.Calls)
	}
	if len(cart.Others) != 3 || !strings.Contains(cart.Others[0].Reason, "only with --yes") || !strings.Contains(cart.Others[1].Reason, "would not do either, if nothing can be run in the container: no namespace") || cart.Others[2].Approach != snapshot.SidecarContainer {
		t.Errorf("others %+v", cart.Others)
	}
	if cart.Risk == nil || !strings.Contains(cart.Risk.Factors[0].Reason, "2 pods by name") {
		t.Errorf("risk %+v", cart.Risk)
	}
	roles, err := p.Roles("inspector", "")
	if err != nil || strings.Count(string(roles), "kind: RoleBinding") != 2 || !strings.Contains(string(roles), "namespace: assay-system") || !strings.Contains(string(roles), "name: inspector") {
		t.Errorf("%v\n%s", err, roles)
	}
}

// TestPlanAsked: an approach that somebody must agree to is planned, and the
// plan says so.
func TestPlanAsked(t *testing.T) {
	c := shop(t)
	x := c.trial(&inside{approach: snapshot.DebugContainer, agreed: func(context.Context, *Target) error { return errNotAgreed }})
	x.options.Approach = snapshot.DebugContainer
	p := x.plans(refs(t, "web/front")).Targets[0]
	if p.Approach != snapshot.DebugContainer || !strings.Contains(p.Asks, "--yes") || len(p.Remains) != 1 || p.Risk.Factors[5].Likelihood != 5 || len(p.Others) != 0 {
		t.Errorf("%+v, %+v", p, p.Risk)
	}
}

// TestPlanPreflight: what a dry run refuses is not planned.
func TestPlanPreflight(t *testing.T) {
	c := shop(t)
	x := c.trial(byExec())
	x.run = newRun(c.client, x.options, nil)
	first := &inside{approach: snapshot.KubernetesAPI}
	w := first.way()
	w.open = func(*look, *kube.Client) collect.Collector { return refusing{&collector{inside: first}} }
	x.run.ways = []*way{w, (&inside{approach: snapshot.ImageVolume}).way()}
	x.run.scanner = "scan"
	p, err := x.run.makePlan(t.Context(), refs(t, "web/front"))
	if err != nil || p.Targets[0].Approach != snapshot.ImageVolume || p.Targets[0].Others[0].Reason != "refused in a dry run" {
		t.Errorf("%v, %+v", err, p)
	}
}

type refusing struct{ *collector }

func (refusing) Preflight(context.Context) error { return errors.New("refused in a dry run") }

func TestPlanRights(t *testing.T) {
	t.Run("as me, with what is missing", func(t *testing.T) {
		c := shop(t)
		c.fault = func(w http.ResponseWriter, call string) bool {
			if !strings.HasSuffix(call, "/selfsubjectaccessreviews") {
				return false
			}
			answer(w, 201, authorizationv1.SelfSubjectAccessReview{})
			return true
		}
		x := c.trial(byExec())
		x.options.Access = AsMe
		p := x.plans(refs(t, "web/front"))
		f := p.Targets[0]
		if f.Access != AsMe || f.AccessReason != "asked for" || len(p.Maker) != 0 ||
			!slices.Equal(f.Lacks, []string{"get pods in namespace web", "get pods/exec in namespace web", "create pods/exec in namespace web"}) {
			t.Errorf("%+v", f)
		}
		for _, call := range slices.Concat(p.Calls, f.Calls) {
			if strings.Contains(call, "serviceaccounts") || strings.Contains(call, "roles") {
				t.Errorf("no access is made, yet: %s", call)
			}
		}
	})
	t.Run("neither", func(t *testing.T) {
		c := shop(t)
		c.denies = []string{"shop"}
		x := c.trial(byExec())
		x.options.Access = LeastPrivilege
		p := x.plans(refs(t, "shop/tool/one", "web/front"))
		if p.Targets[0].Approach != "" || !strings.Contains(p.Targets[0].Why, "temporary access can't be made") || p.Targets[1].Approach == "" {
			t.Errorf("%+v", p.Targets)
		}
	})
}
