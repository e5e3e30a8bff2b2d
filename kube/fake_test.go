package kube

import (
	"compress/gzip"
	"context"
	"encoding/pem"
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
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// marshaler is what the API's types can do.
type marshaler interface{ Marshal() ([]byte, error) }

// encode puts a message in the API server's envelope.
func encode(t testing.TB, kind string, m marshaler) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: kind}, Raw: raw}
	b, err := u.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("k8s\x00"), b...)
}

func pod(namespace, name string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/app:1"}}},
	}
}

// podsIn makes pods with these keys ("namespace/name"), in the server's order.
func podsIn(keys ...string) []corev1.Pod {
	var pods []corev1.Pod
	slices.Sort(keys)
	for _, k := range keys {
		namespace, name, _ := strings.Cut(k, "/")
		pods = append(pods, pod(namespace, name))
	}
	return pods
}

// fakeServer is an API server for faults that a real one does not produce on
// demand. It lists pods in pages; tokens are "GENERATION.OFFSET".
type fakeServer struct {
	t *testing.T
	*httptest.Server

	mu         sync.Mutex
	pods       []corev1.Pod
	generation int
	requests   []*http.Request
	// fault, where set, may answer in place of the server; n counts requests from 1.
	fault func(w http.ResponseWriter, r *http.Request, n int) (answered bool)
	zip   bool
}

func newFake(t *testing.T, pods []corev1.Pod) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, pods: pods, generation: 1}
	f.Server = httptest.NewUnstartedServer(f)
	f.EnableHTTP2 = true
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	n, fault := len(f.requests), f.fault
	f.mu.Unlock()
	if fault != nil && fault(w, r, n) {
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/pods") {
		http.NotFound(w, r)
		return
	}
	f.send(w, r, "PodList", f.page(r))
}

// send answers with a protobuf message, packed where the client asked for it.
func (f *fakeServer) send(w http.ResponseWriter, r *http.Request, kind string, m marshaler) {
	w.Header().Set("Content-Type", protobufType)
	if f.zip && r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(encode(f.t, kind, m))
		_ = z.Close()
		return
	}
	_, _ = w.Write(encode(f.t, kind, m))
}

func (f *fakeServer) page(r *http.Request) *corev1.PodList {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		f.t.Errorf("a list without a limit: %s", r.URL)
		limit = 1
	}
	from := 0
	if token := q.Get("continue"); token != "" {
		_, offset, _ := strings.Cut(token, ".")
		from, _ = strconv.Atoi(offset)
	}
	to := min(from+limit, len(f.pods))
	list := &corev1.PodList{Items: f.pods[from:to]}
	list.ResourceVersion = strconv.Itoa(f.generation)
	if to < len(f.pods) {
		list.Continue = fmt.Sprintf("%d.%d", f.generation, to)
		left := int64(len(f.pods) - to)
		list.RemainingItemCount = &left
	}
	return list
}

func (f *fakeServer) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// status answers with an error of the API.
func (f *fakeServer) status(w http.ResponseWriter, code int, reason metav1.StatusReason, token string) {
	s := &metav1.Status{Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: "made for this test"}
	s.Continue = token
	w.Header().Set("Content-Type", protobufType)
	body := encode(f.t, "Status", s)
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// client connects to the fake; waits are noted instead of waited.
func (f *fakeServer) client(t *testing.T, change ...func(*Options)) (*Client, *[]time.Duration) {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	var o Options
	o.Version = "v9"
	o.Overrides.ClusterInfo.Server = f.URL
	o.Overrides.ClusterInfo.CertificateAuthority = ca
	o.Overrides.AuthInfo.Token = "very-secret"
	for _, c := range change {
		c(&o)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	var mu sync.Mutex
	waits := &[]time.Duration{}
	c.patience.spread = func() float64 { return 0.5 } // then a delay is what it is without luck
	c.patience.wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*waits = append(*waits, d)
		return context.Cause(ctx)
	}
	return c, waits
}

// listing is what came out of a list.
type listing struct {
	keys         []string
	pages        int
	inconsistent []bool
}

func list(t *testing.T, c *Client, o ListOptions) (listing, error) {
	t.Helper()
	var l listing
	for page, err := range c.Pages(t.Context(), Pods, o) {
		if err != nil {
			return l, err
		}
		l.pages++
		l.inconsistent = append(l.inconsistent, page.Inconsistent)
		n := 0
		for raw := range page.Items() {
			var p corev1.Pod
			if err := p.Unmarshal(raw); err != nil {
				t.Fatal(err)
			}
			l.keys = append(l.keys, p.Namespace+"/"+p.Name)
			n++
		}
		if n != page.Len() {
			t.Errorf("page says %d items and has %d", page.Len(), n)
		}
	}
	return l, nil
}

// keys are those of all pods on the server.
func (f *fakeServer) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, p := range f.pods {
		out = append(out, p.Namespace+"/"+p.Name)
	}
	return out
}

func numbered(n int) []corev1.Pod {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("ns-%d/pod-%03d", i%3, i)
	}
	return podsIn(keys...)
}

// stall answers nothing until the client has gone away.
func stall(r *http.Request) { <-r.Context().Done() }
