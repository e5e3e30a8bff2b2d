package permission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubeassay/assay/kube"
)

// reviewer answers reviews from a list of rules, as an API server with RBAC does.
type reviewer struct {
	rules map[string][]authorizationv1.ResourceRule // by namespace; "" is everywhere

	incomplete bool
	access     func(a *authorizationv1.ResourceAttributes) (authorizationv1.SubjectAccessReviewStatus, bool)
	noRules    bool // reviews of rules are forbidden

	mu    sync.Mutex
	calls map[string]int
}

func (r *reviewer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kind := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	r.mu.Lock()
	r.calls[kind]++
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if kind == "selfsubjectrulesreviews" {
		var review authorizationv1.SelfSubjectRulesReview
		if err := json.NewDecoder(req.Body).Decode(&review); err != nil || r.noRules {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		review.Status.ResourceRules = append(r.rules[review.Spec.Namespace], r.rules[""]...)
		review.Status.Incomplete = r.incomplete
		_ = json.NewEncoder(w).Encode(review)
		return
	}
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.NewDecoder(req.Body).Decode(&review); err != nil || review.Kind != "SelfSubjectAccessReview" || review.APIVersion != "authorization.k8s.io/v1" {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	a := review.Spec.ResourceAttributes
	if r.access != nil {
		if status, ok := r.access(a); ok {
			review.Status = status
			_ = json.NewEncoder(w).Encode(review)
			return
		}
	}
	want := Want{Verb: a.Verb, Subresource: a.Subresource}
	want.Resource.Group, want.Resource.Resource = a.Group, a.Resource
	for _, rule := range append(r.rules[a.Namespace], r.rules[""]...) {
		if want.allowedBy(&rule) {
			review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "a rule says so"}
		}
	}
	_ = json.NewEncoder(w).Encode(review)
}

func rule(verb, group, resource string) authorizationv1.ResourceRule {
	return authorizationv1.ResourceRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}
}

func start(t *testing.T, r *reviewer) *kube.Client {
	t.Helper()
	r.calls = map[string]int{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var o kube.Options
	o.Overrides.ClusterInfo.Server = server.URL
	c, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lists(namespace string, resources ...kube.Resource) []Want {
	var wants []Want
	for _, r := range resources {
		wants = append(wants, Want{Verb: "list", Resource: r, Namespace: namespace})
	}
	return wants
}

func states(answers []Answer) string {
	var b strings.Builder
	for _, a := range answers {
		fmt.Fprintf(&b, "%s/%s %s\n", a.Namespace, a.Resource, a.State)
	}
	return b.String()
}

func TestAsk(t *testing.T) {
	shop := map[string][]authorizationv1.ResourceRule{
		"":     {rule("list", "", "namespaces"), {Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"one"}}},
		"shop": {rule("*", "", "pods"), rule("list", "apps", "*"), rule("list", "*", "jobs")},
	}
	wants := append(lists("", kube.Namespaces, kube.Pods), lists("shop", kube.Pods, kube.Deployments, kube.Jobs, kube.CronJobs)...)
	wants = append(wants, lists("back", kube.Pods)...)
	const want = "/namespaces allowed\n/pods denied\nshop/pods allowed\nshop/deployments.apps allowed\nshop/jobs.batch allowed\nshop/cronjobs.batch denied\nback/pods denied\n"
	for _, tt := range []struct {
		name  string
		r     *reviewer
		calls map[string]int
	}{
		{"one question for a namespace", &reviewer{}, map[string]int{"selfsubjectaccessreviews": 3, "selfsubjectrulesreviews": 1}},
		{"the rules are not all", &reviewer{incomplete: true}, map[string]int{"selfsubjectaccessreviews": 7, "selfsubjectrulesreviews": 1}},
		{"rules may not be asked for", &reviewer{noRules: true}, map[string]int{"selfsubjectaccessreviews": 7, "selfsubjectrulesreviews": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.r
			r.rules = shop
			answers := Ask(t.Context(), start(t, r), wants)
			if diff := cmp.Diff(want, states(answers)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.calls, r.calls); diff != "" {
				t.Error(diff)
			}
			for i, a := range answers {
				if a.Want != wants[i] {
					t.Errorf("answer %d is to %v, want %v", i, a.Want, wants[i])
				}
			}
		})
	}
}

// What was not answered is unknown: neither yes nor no.
func TestAskUnknown(t *testing.T) {
	type status = authorizationv1.SubjectAccessReviewStatus
	for _, tt := range []struct {
		name   string
		status status
		want   State
		reason string
	}{
		{"an authorizer failed", status{EvaluationError: "webhook is away"}, Unknown, "webhook is away"},
		{"an authorizer failed, another said yes", status{Allowed: true, EvaluationError: "x"}, Allowed, ""},
		{"an authorizer failed, another said never", status{Denied: true, EvaluationError: "x", Reason: "never"}, Denied, "never"},
		{"no opinion", status{}, Denied, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &reviewer{access: func(*authorizationv1.ResourceAttributes) (status, bool) { return tt.status, true }}
			a := Ask(t.Context(), start(t, r), lists("", kube.Pods))[0]
			if a.State != tt.want || a.Reason != tt.reason {
				t.Errorf("got %s (%s), want %s (%s)", a.State, a.Reason, tt.want, tt.reason)
			}
		})
	}
	t.Run("server is away", func(t *testing.T) {
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
		var o kube.Options
		o.Overrides.ClusterInfo.Server = "https://no-such-host.invalid"
		c, err := kube.Connect(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range Ask(t.Context(), c, lists("shop", kube.Pods, kube.Jobs, kube.Deployments)) {
			if a.State != Unknown || !strings.Contains(a.Reason, "is not known") {
				t.Errorf("got %s (%s)", a.State, a.Reason)
			}
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := Ask(ctx, start(t, &reviewer{}), lists("", kube.Pods))[0]
		if a.State != Unknown || a.Reason != "interrupted" {
			t.Errorf("got %s (%s)", a.State, a.Reason)
		}
	})
}

func TestAllowedBy(t *testing.T) {
	exec := Want{Verb: "create", Resource: kube.Pods, Subresource: "exec"}
	for _, tt := range []struct {
		name string
		w    Want
		r    authorizationv1.ResourceRule
		want bool
	}{
		{"the same", lists("", kube.Pods)[0], rule("list", "", "pods"), true},
		{"everything", lists("", kube.Jobs)[0], rule("*", "*", "*"), true},
		{"another verb", lists("", kube.Pods)[0], rule("get", "", "pods"), false},
		{"another group", lists("", kube.Deployments)[0], rule("list", "extensions", "deployments"), false},
		{"subresource", exec, rule("create", "", "pods/exec"), true},
		{"pods are not their subresources", exec, rule("create", "", "pods"), false},
		{"subresource of everything", exec, rule("create", "", "*/exec"), true},
		{"subresource is not the pod", lists("", kube.Pods)[0], rule("list", "", "pods/exec"), false},
		{"all resources are all subresources", exec, rule("create", "", "*"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.allowedBy(&tt.r); got != tt.want {
				t.Errorf("allowed = %v", got)
			}
		})
	}
}
