package inspect

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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/kube"
)

// cluster is an API server for faults, and moments, that a real one does not
// produce on demand: its pods change exactly when a test wants it.
type cluster struct {
	t      *testing.T
	client *kube.Client

	mu   sync.Mutex
	pods []*corev1.Pod
	// owners are ReplicaSets and Jobs, by "replicasets namespace/name".
	owners map[string]metav1.ObjectMeta
	// objects are what grants are made of, by path.
	objects map[string]map[string]any
	calls   []string // "POST /path", in the order in which they came
	uids    int
	// fault, where set, may answer in place of the server. It has the lock.
	fault func(w http.ResponseWriter, call string) (answered bool)
	// denies are the namespaces in which nobody may make grants.
	denies []string
}

func newCluster(t *testing.T, pods ...*corev1.Pod) *cluster {
	t.Helper()
	c := &cluster{t: t, pods: pods, owners: map[string]metav1.ObjectMeta{}, objects: map[string]map[string]any{}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	var o kube.Options
	o.Overrides.ClusterInfo.Server = s.URL
	t.Setenv("KUBECONFIG", "")
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	c.client = client
	return c
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	if r.URL.Query().Get("dryRun") != "" {
		call += " dry"
	}
	account, mine := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
	if mine {
		call += " by the grant"
	}
	c.calls = append(c.calls, call)
	if c.fault != nil && c.fault(w, call) {
		return
	}
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	path := r.URL.Path
	switch {
	case path == "/version":
		answer(w, 200, map[string]any{})
	case strings.HasSuffix(path, "reviews"):
		c.review(w, path, body, account)
	case strings.HasSuffix(path, "/token"):
		c.token(w, path, body)
	case r.Method == http.MethodPost:
		c.make(w, r, body)
	case r.Method == http.MethodDelete:
		if c.objects[path] == nil {
			refuse(w, 404, metav1.StatusReasonNotFound, path+" not found")
			return
		}
		delete(c.objects, path)
		answer(w, 200, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: "Success"})
	case strings.Contains(path, "/pods"), strings.Contains(path, "/replicasets"), strings.Contains(path, "/jobs"):
		c.read(w, r)
	case strings.HasPrefix(path, "/api/v1/namespaces/") && strings.Count(path, "/") == 4:
		refuse(w, 404, metav1.StatusReasonNotFound, "no such namespace")
	default: // what is left of grants: nothing that has expired
		answer(w, 200, map[string]any{"kind": "List", "items": []any{}})
	}
}

func (c *cluster) review(w http.ResponseWriter, path string, body map[string]any, account string) {
	spec, _ := body["spec"].(map[string]any)
	switch {
	case strings.HasSuffix(path, "/selfsubjectreviews"):
		answer(w, 201, authenticationv1.SelfSubjectReview{})
	case strings.HasSuffix(path, "/selfsubjectrulesreviews"):
		all := authorizationv1.ResourceRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
		var out authorizationv1.SelfSubjectRulesReview
		if namespace, _ := spec["namespace"].(string); !slices.Contains(c.denies, namespace) {
			out.Status.ResourceRules = []authorizationv1.ResourceRule{all}
		}
		answer(w, 201, out)
	default:
		attributes, _ := spec["resourceAttributes"].(map[string]any)
		namespace, _ := attributes["namespace"].(string)
		allowed := !slices.Contains(c.denies, namespace)
		if account != "" {
			allowed = c.objects["/apis/rbac.authorization.k8s.io/v1/namespaces/"+namespace+"/rolebindings/"+account] != nil
		}
		answer(w, 201, authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: allowed}})
	}
}

func (c *cluster) token(w http.ResponseWriter, path string, body map[string]any) {
	parts := strings.Split(path, "/")
	seconds, _ := body["spec"].(map[string]any)["expirationSeconds"].(float64)
	life := time.Duration(seconds) * time.Second
	answer(w, 201, authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{
		Token: "token-of-" + parts[len(parts)-2], ExpirationTimestamp: metav1.NewTime(time.Now().Add(life)),
	}})
}

func (c *cluster) make(w http.ResponseWriter, r *http.Request, body map[string]any) {
	meta := body["metadata"].(map[string]any)
	c.uids++
	meta["uid"], meta["creationTimestamp"] = fmt.Sprint("uid-", c.uids), time.Now().UTC().Format(time.RFC3339)
	if r.URL.Query().Get("dryRun") == "" {
		c.objects[r.URL.Path+"/"+meta["name"].(string)] = body
	}
	answer(w, 201, body)
}

// read answers for pods, as JSON or in protobuf, and for the owners' metadata.
func (c *cluster) read(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	namespace, name, kind := "", "", parts[len(parts)-1]
	for i, p := range parts {
		if p == "namespaces" {
			namespace, kind = parts[i+1], parts[i+2]
			if len(parts) > i+3 {
				name = parts[i+3]
			}
		}
	}
	switch {
	case name == "" && kind == "pods" && !strings.Contains(r.Header.Get("Accept"), "protobuf"):
		answer(w, 200, map[string]any{"kind": "List", "items": []any{}}) // of ours, expired
	case name == "" && kind == "pods":
		c.list(w, r, namespace)
	case name == "":
		list := &metav1.PartialObjectMetadataList{}
		for key, m := range c.owners {
			if strings.HasPrefix(key, kind+" ") && (namespace == "" || m.Namespace == namespace) {
				list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: m})
			}
		}
		c.protobuf(w, "PartialObjectMetadataList", list)
	case kind == "pods":
		for _, p := range c.pods {
			if p.Namespace == namespace && p.Name == name {
				answer(w, 200, p)
				return
			}
		}
		refuse(w, 404, metav1.StatusReasonNotFound, fmt.Sprintf("pods %q not found", name))
	default:
		m, ok := c.owners[kind+" "+namespace+"/"+name]
		if !ok {
			refuse(w, 404, metav1.StatusReasonNotFound, kind+" "+name+" not found")
			return
		}
		answer(w, 200, metav1.PartialObjectMetadata{ObjectMeta: m})
	}
}

func (c *cluster) list(w http.ResponseWriter, r *http.Request, namespace string) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		c.t.Errorf("a bad selector: %v", err)
	}
	list := &corev1.PodList{}
	for _, p := range c.pods {
		if (namespace == "" || p.Namespace == namespace) && selector.Matches(labels.Set(p.Labels)) {
			list.Items = append(list.Items, *p)
		}
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int {
		return kube.CompareKeys(a.Namespace, a.Name, b.Namespace, b.Name)
	})
	c.protobuf(w, "PodList", list)
}

func (c *cluster) protobuf(w http.ResponseWriter, kind string, m interface{ Marshal() ([]byte, error) }) {
	raw, err := m.Marshal()
	if err != nil {
		c.t.Error(err)
	}
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: kind}, Raw: raw}
	body, err := u.Marshal()
	if err != nil {
		c.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	_, _ = w.Write(append([]byte("k8s\x00"), body...))
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: "Failure", Code: int32(code), Reason: reason, Message: message})
}

// forbid is a fault: calls that hold a text are forbidden.
func forbid(text string) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, call string) bool {
		if !strings.Contains(call, text) {
			return false
		}
		refuse(w, 403, metav1.StatusReasonForbidden, "made for this test")
		return true
	}
}

// change changes a pod, at once.
func (c *cluster) change(name string, change func(*corev1.Pod)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.pods {
		if p.Name == name {
			p = p.DeepCopy()
			change(p)
			c.pods[i] = p
		}
	}
}

// count is how many calls hold a text.
func (c *cluster) count(text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, call := range c.calls {
		if strings.Contains(call, text) {
			n++
		}
	}
	return n
}

// left is what stands of grants.
func (c *cluster) left() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for path := range c.objects {
		all = append(all, path)
	}
	return all
}

// running makes a pod with containers that run.
func running(key string, containers ...string) *corev1.Pod {
	namespace, name, _ := strings.Cut(key, "/")
	if len(containers) == 0 {
		containers = []string{"app"}
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name)}}
	p.Spec.NodeName, p.Status.Phase = "node-1", corev1.PodRunning
	for _, c := range containers {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c, Image: c + ":1"})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c, ContainerID: "containerd://" + name + "-" + c, ImageID: c + "@sha256:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		})
	}
	return p
}

// with changes a pod that a test is about to use.
func with(p *corev1.Pod, changes ...func(*corev1.Pod)) *corev1.Pod {
	for _, change := range changes {
		change(p)
	}
	return p
}

func ownedBy(kind, name string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.OwnerReferences = []metav1.OwnerReference{controlledBy(kind, name)} }
}

func controlledBy(kind, name string) metav1.OwnerReference {
	yes, version := true, "apps/v1"
	if strings.HasSuffix(kind, "Job") {
		version = "batch/v1"
	}
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, Controller: &yes}
}

// owns makes a ReplicaSet or Job, which another object owns where its name is given.
func (c *cluster) owns(kind, key, ownerKind, owner string) {
	namespace, name, _ := strings.Cut(key, "/")
	m := metav1.ObjectMeta{Namespace: namespace, Name: name}
	if owner != "" {
		m.OwnerReferences = []metav1.OwnerReference{controlledBy(ownerKind, owner)}
	}
	c.owners[strings.ToLower(kind)+"s "+key] = m
}
