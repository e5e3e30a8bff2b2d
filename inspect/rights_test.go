package inspect

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRunNamespaceFails: what is wrong with one namespace is its targets' alone.
func TestRunNamespaceFails(t *testing.T) {
	c := shop(t)
	c.fault = func(w http.ResponseWriter, call string) bool {
		return strings.HasSuffix(call, "/namespaces/shop/roles") && forbid("")(w, call)
	}
	x := c.trial(byExec())
	rep := x.wantRun(Selection{})
	if i := x.sink.of("shop/tool/two"); !strings.Contains(i.Error, "creating roles.rbac.authorization.k8s.io") || !strings.Contains(i.Error, "made for this test") {
		t.Errorf("shop: %q", i.Error)
	}
	if i := x.sink.of("web/front/app"); i.Error != "" || rep.Summary.Complete || len(x.sink.all) != 6 {
		t.Errorf("web: %q, %d inspections", i.Error, len(x.sink.all))
	}
}

// TestRunMakesRoom: whoever fails makes room for the others.
func TestRunMakesRoom(t *testing.T) {
	c := newCluster(t, running("a/pod-a"), running("b/pod-b"), running("m/pod-m"), running("y/pod-y"), running("z/pod-z"))
	c.fault = func(w http.ResponseWriter, call string) bool {
		return strings.HasSuffix(call, "/roles") && strings.HasPrefix(call, "POST") && !strings.Contains(call, "/m/") && forbid("")(w, call)
	}
	x := c.trial(byExec())
	x.options.Parallel = 1
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	x.ctx = ctx
	rep := x.wantRun(Selection{})
	if i := x.sink.of("m/pod-m/app"); i.Error != "" || rep.Summary.Interrupted || len(x.sink.all) != 5 {
		t.Errorf("%q, %+v", i.Error, rep.Summary)
	}
}

// TestRunRights: each namespace on its own decides whose rights are used.
func TestRunRights(t *testing.T) {
	t.Run("own rights where no access can be made", func(t *testing.T) {
		c := shop(t)
		c.denies = []string{"shop"}
		x := c.trial(byExec())
		rep := x.wantRun(Selection{})
		if !rep.Summary.Complete || len(rep.Access.Grants) != 1 || rep.Access.Grants[0].Namespace != "web" {
			t.Errorf("%+v", rep.Access)
		}
		if !slices.ContainsFunc(rep.Notes, func(n string) bool {
			return strings.HasPrefix(n, "your own rights were used in namespace shop: a grant takes rights that these credentials lack")
		}) {
			t.Errorf("notes: %q", rep.Notes)
		}
		if u := x.sink.of("shop/tool/one").Used; !strings.Contains(u.Risk.Factors[0].Reason, "the user's own rights") {
			t.Errorf("risk: %+v", u.Risk.Factors[0])
		}
	})
	t.Run("or not at all", func(t *testing.T) {
		c := shop(t)
		c.denies = []string{"shop"}
		x := c.trial(byExec())
		x.options.Access, x.options.Parallel = LeastPrivilege, 1
		rep := x.wantRun(Selection{})
		if i := x.sink.of("shop/tool/one"); rep.Summary.Complete || !strings.Contains(i.Error, "--as-me uses your own rights") {
			t.Errorf("%q", i.Error)
		}
		if i := x.sink.of("web/front/app"); i.Error != "" {
			t.Errorf("%q", i.Error)
		}
	})
	t.Run("own rights asked for", func(t *testing.T) {
		c := shop(t)
		x := c.trial(byExec())
		x.options.Access = AsMe
		rep := x.wantRun(Selection{})
		if !rep.Summary.Complete || len(rep.Access.Grants) != 0 || len(rep.Notes) != 0 || c.count("POST") != 0 || c.count("serviceaccounts") != 0 {
			t.Errorf("%+v, notes %q, %q", rep.Access, rep.Notes, c.calls)
		}
	})
}

// TestRunNotRevoked: access that could not be taken back is a gap that everybody sees.
func TestRunNotRevoked(t *testing.T) {
	c := shop(t)
	x := c.trial(byExec())
	refusing := true
	c.fault = func(w http.ResponseWriter, call string) bool {
		return refusing && strings.HasPrefix(call, "DELETE") && strings.Contains(call, "/serviceaccounts/") && forbid("")(w, call)
	}
	x.run = newRun(c.client, x.options, x.sink)
	x.run.ways = []*way{x.ways[0].way()}
	rep, err := x.run.run(t.Context(), refs(t, "web/front"))
	if err != nil || rep.Summary.Complete || len(rep.Coverage) != 1 || !strings.HasPrefix(rep.Coverage[0].Scope, "grant/assay-inspect-") ||
		!strings.Contains(rep.Coverage[0].Detail, "assay grant prune") || rep.Access.Grants[0].Problem == "" {
		t.Errorf("%v, %+v, %+v", err, rep.Coverage, rep.Access)
	}
	if i := x.sink.of("web/front/app"); i.Error != "" {
		t.Errorf("the verdicts are lost: %q", i.Error)
	}
}
