package cluster

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeassay/assay/kube"
)

const protobufType = "application/vnd.kubernetes.protobuf"

// place is a list: of one namespace, or of all when it is empty.
type place struct {
	resource  kube.Resource
	namespace string
}

// request is one that the server got.
type request struct {
	place
	get      bool // of one namespace
	token    string
	metadata bool
	labels   string
	fields   string
	nth      int // of this place, from 1
	*http.Request
}

// fault may answer in place of the server.
type fault func(w http.ResponseWriter, r *request) (answered bool)

// server is an API server for what a real one does not produce on demand.
type server struct {
	*httptest.Server
	t testing.TB
	// ignoresFields: a field selector changes nothing.
	ignoresFields bool
	// unordered lists come in the order in which objects were added.
	unordered bool
	faults    map[place]fault
	always    fault // for every request

	mu       sync.Mutex
	objects  map[kube.Resource][]*object
	requests []*request
	counts   map[place]int
}

type object struct {
	meta metav1.ObjectMeta
	raw  []byte
}

func (o *object) key() string { return o.meta.Namespace + "/" + o.meta.Name }

func newServer(t testing.TB) *server {
	s := &server{t: t, faults: map[place]fault{}, objects: map[kube.Resource][]*object{}, counts: map[place]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// add puts objects on the server; what is empty becomes something plain.
func (s *server) add(r kube.Resource, metas ...metav1.ObjectMeta) {
	for _, m := range metas {
		if r != kube.Namespaces && r != kube.Nodes {
			s.namespace(m.Namespace)
		}
		s.put(r, m, build(s.t, r, m))
	}
}

// namespace makes sure that a namespace exists.
func (s *server) namespace(names ...string) {
	for _, n := range names {
		if !slices.ContainsFunc(s.objects[kube.Namespaces], func(o *object) bool { return o.meta.Name == n }) {
			s.add(kube.Namespaces, metav1.ObjectMeta{Name: n})
		}
	}
}

func (s *server) put(r kube.Resource, m metav1.ObjectMeta, raw []byte) {
	s.objects[r] = append(s.objects[r], &object{m, raw})
	if !s.unordered {
		slices.SortFunc(s.objects[r], func(a, b *object) int { return cmp.Compare(a.key(), b.key()) })
	}
}

// forbid makes lists of a kind forbidden: in these namespaces, "" being all at once.
func (s *server) forbid(r kube.Resource, namespaces ...string) {
	for _, n := range namespaces {
		s.faults[place{r, n}] = fails(http.StatusForbidden, metav1.StatusReasonForbidden)
	}
}

// forbidKinds forbids listing all namespaces at once.
func (s *server) forbidKinds(kinds ...kube.Resource) {
	for _, r := range kinds {
		s.forbid(r, "")
	}
}

func fails(code int32, reason metav1.StatusReason) fault {
	return func(w http.ResponseWriter, _ *request) bool {
		sendStatus(w, metav1.Status{Code: code, Reason: reason, Message: "made for this test"})
		return true
	}
}

// later lets the first n requests of a place pass.
func later(n int, f fault) fault {
	return func(w http.ResponseWriter, r *request) bool { return r.nth > n && f(w, r) }
}

// babbles answers with something that is no HTTP: the server can't be reached,
// for a reason that trying again does not help.
func babbles(w http.ResponseWriter, _ *request) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = conn.Write([]byte("what is it?\r\n\r\n"))
	_ = conn.Close()
	return true
}

// stalls answers nothing until the client goes away.
func stalls(_ http.ResponseWriter, r *request) bool {
	<-r.Context().Done()
	return true
}

// fakeVersion is what the server calls itself.
const fakeVersion = "v1.36.2"

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/version" {
		_, _ = fmt.Fprintf(w, `{"gitVersion": %q}`, fakeVersion)
		return
	}
	q, err := parse(r)
	if err != nil {
		s.t.Errorf("%v: %s", err, r.URL)
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, q)
	s.counts[q.place]++
	q.nth = s.counts[q.place]
	f := s.faults[q.place]
	s.mu.Unlock()
	switch {
	case s.always != nil && s.always(w, q), f != nil && f(w, q):
	case q.get:
		s.sendNamespace(w, q)
	default:
		s.sendPage(w, q)
	}
}

func parse(r *http.Request) (*request, error) {
	v := r.URL.Query()
	q := &request{
		Request: r, token: v.Get("continue"), labels: v.Get("labelSelector"), fields: v.Get("fieldSelector"),
		metadata: strings.Contains(r.Header.Get("Accept"), ";as=PartialObjectMetadataList;"),
	}
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis"), "/api")
	for _, k := range kube.Resources() {
		rest, ok := strings.CutPrefix(path, "/"+k.APIVersion()+"/")
		if !ok {
			continue
		}
		parts := strings.Split(rest, "/")
		q.resource = k
		switch {
		case len(parts) == 1 && parts[0] == k.Resource:
			return q, nil
		case len(parts) == 3 && parts[0] == "namespaces" && parts[2] == k.Resource:
			q.namespace = parts[1]
			return q, nil
		case len(parts) == 2 && parts[0] == "namespaces" && k == kube.Namespaces:
			q.get, q.namespace = true, parts[1]
			return q, nil
		}
	}
	return nil, fmt.Errorf("nobody should ask for this")
}

func (s *server) sendNamespace(w http.ResponseWriter, q *request) {
	for _, o := range s.chosen(&request{place: place{resource: kube.Namespaces}}) {
		if o.meta.Name == q.namespace {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(corev1.Namespace{ObjectMeta: o.meta})
			return
		}
	}
	fails(http.StatusNotFound, metav1.StatusReasonNotFound)(w, q)
}

// chosen are the objects that a request asks for, on all pages.
func (s *server) chosen(q *request) []*object {
	byLabel, err := labels.Parse(q.labels)
	if err != nil {
		s.t.Error(err)
	}
	byField, err := fields.ParseSelector(q.fields)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*object
	for _, o := range s.objects[q.resource] {
		set := fields.Set{"metadata.namespace": o.meta.Namespace, "metadata.name": o.meta.Name, "spec.nodeName": o.meta.Annotations["node"]}
		if (q.namespace == "" || q.namespace == o.meta.Namespace) && byLabel.Matches(labels.Set(o.meta.Labels)) &&
			(s.ignoresFields || byField.Matches(set)) {
			all = append(all, o)
		}
	}
	return all
}

func (s *server) sendPage(w http.ResponseWriter, q *request) {
	limit, err := strconv.Atoi(q.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		s.t.Errorf("a list without a limit: %s", q.URL)
		limit = 1
	}
	all := s.chosen(q)
	from := 0
	if q.token != "" {
		offset, _ := base64.URLEncoding.DecodeString(q.token)
		if from, err = strconv.Atoi(string(offset)); err != nil {
			s.t.Errorf("not a token of ours: %q", q.token)
		}
	}
	to := min(from+limit, len(all))
	meta := metav1.ListMeta{ResourceVersion: "7"}
	if to < len(all) {
		meta.Continue = base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	raw := appendMessage(s.t, nil, 1, &meta)
	kind := q.resource.Kind
	for _, o := range all[from:to] {
		item := o.raw
		if q.metadata {
			item = appendMessage(s.t, nil, 1, &o.meta)
			kind = "PartialObjectMetadata"
		}
		raw = protowire.AppendBytes(protowire.AppendTag(raw, 2, protowire.BytesType), item)
	}
	if q.metadata {
		kind = "PartialObjectMetadata"
	}
	send(w, http.StatusOK, kind+"List", raw)
}

// marshaler is what the API's types can do.
type marshaler interface{ Marshal() ([]byte, error) }

func marshal(t testing.TB, m marshaler) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func appendMessage(t testing.TB, raw []byte, field protowire.Number, m marshaler) []byte {
	return protowire.AppendBytes(protowire.AppendTag(raw, field, protowire.BytesType), marshal(t, m))
}

func sendStatus(w http.ResponseWriter, s metav1.Status) {
	s.Status = metav1.StatusFailure
	raw, err := s.Marshal()
	if err != nil {
		panic(err)
	}
	send(w, int(s.Code), "Status", raw)
}

// send puts a message in the API server's envelope.
func send(w http.ResponseWriter, code int, kind string, raw []byte) {
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{Kind: kind}, Raw: raw}
	body, err := u.Marshal()
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", protobufType)
	w.WriteHeader(code)
	_, _ = w.Write([]byte("k8s\x00"))
	_, _ = w.Write(body)
}

// asked lists the requests as short texts, in no particular order.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.requests {
		text := r.resource.String()
		if r.get {
			text = "get " + text
		}
		if r.namespace != "" {
			text += " in " + r.namespace
		}
		if r.metadata {
			text += ", metadata"
		}
		if r.labels != "" {
			text += ", labels " + r.labels
		}
		if r.fields != "" {
			text += ", fields " + r.fields
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// client connects with a kubeconfig file whose context names the namespace "mine".
func (s *server) client(t testing.TB, change ...func(*kube.Options)) *kube.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": [{"name": "test", "cluster": {"server": %q}}],
		"users": [{"name": "test", "user": {"token": "not-a-secret"}}],
		"contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "mine"}}]}`, s.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := kube.Options{Kubeconfig: file, Version: "test"}
	for _, c := range change {
		c(&o)
	}
	c, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
