package access_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
)

// put stores an account as the server would.
func (f *fake) put(name string, annotations map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uids++
	f.objects["/api/v1/namespaces/shop/serviceaccounts/"+name] = map[string]any{"metadata": map[string]any{
		"name": name, "namespace": "shop", "uid": name, "labels": access.Labels("r1"), "annotations": annotations,
	}}
}

// TestPrune removes what is ours and has expired, and nothing else.
func TestPrune(t *testing.T) {
	f, client := newFake(t)
	f.put("assay-inspect-old", map[string]any{access.AnnotationExpires: f.now.Add(-time.Second).Format(time.RFC3339)})
	f.put("assay-handout-old", map[string]any{access.AnnotationExpires: f.now.Add(-time.Hour).Format(time.RFC3339)})
	f.put("assay-inspect-new", map[string]any{access.AnnotationExpires: f.now.Add(time.Second).Format(time.RFC3339)})
	f.put("assay-inspect-odd", map[string]any{access.AnnotationExpires: "tomorrow"})
	f.put("assay-inspect-none", nil)
	f.put("theirs", map[string]any{access.AnnotationExpires: "2020-01-01T00:00:00Z"})
	pruned, err := access.Prune(t.Context(), client, f.now)
	if err != nil || len(pruned.Coverage) > 0 {
		t.Fatal(err, pruned.Coverage)
	}
	names := func(all []access.Left) (names []string) {
		for i := range all {
			names = append(names, all[i].Name)
		}
		return names
	}
	if got := names(pruned.Removed); !slices.Equal(got, []string{"assay-handout-old", "assay-inspect-old"}) {
		t.Errorf("removed %q", got)
	}
	if got := names(pruned.Kept); !slices.Equal(got, []string{"assay-inspect-none", "assay-inspect-odd"}) {
		t.Errorf("kept %q", got)
	}
	for i := range pruned.Kept {
		if !strings.Contains(pruned.Kept[i].Problem, "not known when it expires") {
			t.Errorf("kept without a reason: %+v", pruned.Kept[i])
		}
	}
	if left := f.left(); len(left) != 4 {
		t.Errorf("left: %q", left)
	}
}

// TestPruneLeavesWhatChangedHands: between the list and the deletion, another
// run has taken the name.
func TestPruneLeavesWhatChangedHands(t *testing.T) {
	f, client := newFake(t)
	f.put("assay-inspect-old", map[string]any{access.AnnotationExpires: "2020-01-01T00:00:00Z"})
	f.fail = func(_ http.ResponseWriter, call string, done bool) bool {
		if !done && strings.HasPrefix(call, "DELETE ") {
			f.objects["/api/v1/namespaces/shop/serviceaccounts/assay-inspect-old"]["metadata"].(map[string]any)["uid"] = "another"
		}
		return false
	}
	if _, err := access.Prune(t.Context(), client, f.now); err != nil {
		t.Fatal(err)
	}
	if left := f.left(); len(left) != 1 {
		t.Errorf("another's account was deleted")
	}
}

// TestGapsAreTold: what may not be read is coverage, and never no grants.
func TestGapsAreTold(t *testing.T) {
	f, client := newFake(t)
	f.put("assay-inspect-old", map[string]any{access.AnnotationExpires: "2020-01-01T00:00:00Z"})
	f.fail = func(w http.ResponseWriter, call string, done bool) bool {
		switch {
		case done:
			return false
		case strings.HasSuffix(call, "/rolebindings"):
			refuse(w, http.StatusForbidden, "Forbidden", "not you")
		case strings.HasSuffix(call, "/roles"):
			refuse(w, http.StatusBadRequest, "BadRequest", "what?")
		default:
			return false
		}
		return true
	}
	found, gaps := access.List(t.Context(), client)
	if len(found) != 1 || found[0].Problem != "" {
		t.Errorf("found %+v: with gaps it is not known what is missing", found)
	}
	states := map[string]finding.CoverageState{}
	for _, g := range gaps {
		states[g.Scope] = g.State
	}
	want := map[string]finding.CoverageState{
		"kind/roles.rbac.authorization.k8s.io":                                        finding.Unreadable,
		"kind/rolebindings.rbac.authorization.k8s.io":                                 finding.Forbidden,
		"namespace/assay-system/rolebindings.rbac.authorization.k8s.io":               finding.Forbidden,
		"namespace/" + client.Namespace() + "/rolebindings.rbac.authorization.k8s.io": finding.Forbidden,
	}
	for scope, state := range want {
		if states[scope] != state {
			t.Errorf("%s is %q, want %q", scope, states[scope], state)
		}
	}
	if len(states) != len(want) {
		t.Errorf("gaps: %v", gaps)
	}
}

// TestNothingReadIsAnError: nobody may take it for a clean cluster.
func TestNothingReadIsAnError(t *testing.T) {
	f, client := newFake(t)
	f.fail = func(w http.ResponseWriter, _ string, _ bool) bool {
		refuse(w, http.StatusForbidden, "Forbidden", "not you")
		return true
	}
	if left, gaps, err := access.Clean(t.Context(), client, "shop"); err == nil || len(left) > 0 || len(gaps) != 4 {
		t.Errorf("%v, %v, %v", left, gaps, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := access.Prune(ctx, client, f.now); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestServerTime(t *testing.T) {
	f, client := newFake(t)
	f.fail = func(w http.ResponseWriter, _ string, _ bool) bool {
		w.Header().Set("Date", f.now.Add(-time.Hour).Format(http.TimeFormat))
		refuse(w, http.StatusForbidden, "Forbidden", "not you")
		return true
	}
	now, err := access.ServerTime(t.Context(), client)
	if err != nil || !now.Equal(f.now.Add(-time.Hour)) {
		t.Errorf("%v, %v", now, err)
	}
}
