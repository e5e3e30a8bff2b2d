package access_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// secret is what the fake gives as a token: nothing else may hold it.
const secret = "eyJhbGciOi.the-secret-token.c2lnbmF0dXJl"

// fake is an API server for faults that a real one does not produce on demand.
// It keeps accounts, roles and bindings, and calls an account allowed while a
// binding stands.
type fake struct {
	mu      sync.Mutex
	objects map[string]map[string]any // by path
	calls   []string                  // "POST /path", in the order in which they came
	now     time.Time
	uids    int

	// fail, where set, may answer a call in its own way, before (false) or after it was done.
	fail func(w http.ResponseWriter, call string, done bool) bool
	// late, where set, chooses calls that are done only once something was
	// deleted, or it is clear that nothing will be.
	late    func(call string) bool
	deleted chan struct{}
	// slow is how many reviews say no before a binding counts, or after it is gone.
	slow int
	// stubborn: the account is allowed everything for ever.
	stubborn bool
	life     time.Duration // of tokens; 0: as asked for
}

func newFake(t *testing.T) (*fake, *kube.Client) {
	t.Helper()
	f := &fake{objects: map[string]map[string]any{}, now: time.Now().UTC().Truncate(time.Second)}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	var o kube.Options
	o.Overrides.ClusterInfo.Server = s.URL
	o.Overrides.AuthInfo.Token = "users-own"
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return f, client
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	if r.URL.Query().Get("dryRun") != "" {
		call += " dry"
	}
	mine := r.Header.Get("Authorization") == "Bearer "+secret
	if mine {
		call += " by the grant"
	}
	f.calls = append(f.calls, call)
	if f.fail != nil && f.fail(w, call, false) {
		return
	}
	if r.Method == http.MethodDelete && f.deleted != nil {
		defer close(f.deleted)
		defer func() { f.deleted = nil }()
	}
	if f.late != nil && f.late(call) {
		deleted := make(chan struct{})
		f.deleted = deleted
		f.mu.Unlock()
		select {
		case <-deleted:
		case <-time.After(300 * time.Millisecond):
		}
		f.mu.Lock()
		f.deleted = nil
	}
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	rec := httptest.NewRecorder()
	f.do(rec, r, body, mine)
	if f.fail != nil && f.fail(w, call, true) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (f *fake) do(w http.ResponseWriter, r *http.Request, body map[string]any, mine bool) {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, "/selfsubjectreviews"):
		answer(w, 201, authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: "alice"}}})
	case strings.HasSuffix(path, "/selfsubjectaccessreviews"):
		answer(w, 201, authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: !mine || f.allows()}})
	case strings.HasSuffix(path, "/selfsubjectrulesreviews"):
		all := authorizationv1.ResourceRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
		answer(w, 201, authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{all}}})
	case strings.HasSuffix(path, "/token"):
		f.makeToken(w, body)
	case r.Method == http.MethodPost:
		f.post(w, r, body)
	case r.Method == http.MethodDelete:
		f.delete(w, path, body)
	case r.Method == http.MethodGet && f.objects[path] != nil:
		answer(w, 200, f.objects[path])
	case r.Method == http.MethodGet && strings.Contains(path, "/namespaces/") && strings.Count(path, "/") < 5:
		refuse(w, 404, "NotFound", "no such namespace")
	case r.Method == http.MethodGet:
		f.list(w, path)
	default:
		refuse(w, 405, "MethodNotAllowed", "not by this fake")
	}
}

func (f *fake) allows() bool {
	bound := f.stubborn || slices.ContainsFunc(f.paths(), func(p string) bool { return strings.Contains(p, "/rolebindings/") })
	if f.slow > 0 {
		f.slow--
		return !bound
	}
	return bound
}

func (f *fake) makeToken(w http.ResponseWriter, body map[string]any) {
	seconds, _ := body["spec"].(map[string]any)["expirationSeconds"].(float64)
	life := time.Duration(seconds) * time.Second
	if f.life > 0 {
		life = f.life
	}
	answer(w, 201, authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{Token: secret, ExpirationTimestamp: metav1.NewTime(f.now.Add(life))}})
}

func (f *fake) post(w http.ResponseWriter, r *http.Request, body map[string]any) {
	meta := body["metadata"].(map[string]any)
	f.uids++
	meta["uid"] = fmt.Sprint("uid-", f.uids)
	meta["creationTimestamp"] = f.now.Format(time.RFC3339)
	if r.URL.Query().Get("dryRun") == "" {
		f.objects[r.URL.Path+"/"+meta["name"].(string)] = body
	}
	answer(w, 201, body)
}

func (f *fake) delete(w http.ResponseWriter, path string, body map[string]any) {
	o := f.objects[path]
	if o == nil {
		refuse(w, 404, "NotFound", "there is no such thing")
		return
	}
	if p, ok := body["preconditions"].(map[string]any); ok && p["uid"] != o["metadata"].(map[string]any)["uid"] {
		refuse(w, 409, "Conflict", "the UID in the precondition does not match")
		return
	}
	delete(f.objects, path)
	answer(w, 200, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: "Success"})
}

func (f *fake) list(w http.ResponseWriter, path string) {
	items := []any{}
	resource := path[strings.LastIndex(path, "/"):] + "/"
	for _, p := range f.paths() {
		if strings.Contains(p, resource) {
			items = append(items, f.objects[p])
		}
	}
	answer(w, 200, map[string]any{"kind": "List", "items": items})
}

func (f *fake) paths() []string {
	var all []string
	for p := range f.objects {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// left is what the fake still keeps.
func (f *fake) left() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths()
}

// deletions are the kinds of what was deleted, in order, each once.
func (f *fake) deletions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var kinds []string
	for _, c := range f.calls {
		if path, ok := strings.CutPrefix(c, "DELETE "); ok {
			parts := strings.Split(path, "/")
			kinds = append(kinds, parts[len(parts)-2])
		}
	}
	return slices.Compact(kinds)
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: "Failure", Code: int32(code), Reason: reason, Message: message})
}
