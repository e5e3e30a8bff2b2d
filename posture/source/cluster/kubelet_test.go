package cluster

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/index"
)

var (
	kubeletGroupKind = schema.GroupKind{Group: "kubelet.config.k8s.io", Kind: "KubeletConfiguration"}
	nodeGroupKind    = schema.GroupKind{Kind: "Node"}
)

// kubelet is a node's kubelet, which answers as handle says.
type kubelet struct {
	*httptest.Server
	asked atomic.Int32
}

func newKubelet(t *testing.T, handle http.HandlerFunc) *kubelet {
	k := &kubelet{}
	k.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		handle(w, r)
	}))
	t.Cleanup(k.Close)
	return k
}

// node puts a node on the server whose kubelet that is.
func (s *server) node(name string, k *kubelet) {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if k != nil {
		at := netip.MustParseAddrPort(k.Listener.Addr().String())
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeHostName, Address: "no-such-host.invalid"}, {Type: corev1.NodeInternalIP, Address: at.Addr().String()}}
		n.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(at.Port())
	}
	s.put(kube.Nodes, n.ObjectMeta, marshal(s.t, n))
}

// signs writes the authority of a kubelet's certificate, which all of them share.
func (k *kubelet) signs(t *testing.T) kube.KubeletOptions {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return kube.KubeletOptions{CertificateAuthority: file}
}

func says(port int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"kubeletconfig":{"readOnlyPort":%d,"metadata":{"name":"another","namespace":"shop"}}}`, port)
	}
}

func denies(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Forbidden", http.StatusForbidden) }

// kubeletsRead is what came out of a source that is asked for kubelets.
type kubeletsRead struct {
	reading
	others []string // "Kind name", and for kubelets their port
	missed []string // "Kind: reason", with the name of a single object
}

func readKubelets(t *testing.T, client *kube.Client, o Options) *kubeletsRead {
	t.Helper()
	if o.Others == nil {
		o.Others = []schema.GroupKind{kubeletGroupKind}
	}
	src, err := New(client, o)
	if err != nil {
		t.Fatal(err)
	}
	var got kubeletsRead
	for item, err := range src.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if o := item.Other; o != nil {
			text := o.Kind + " " + o.GetName()
			if u, ok := o.Object.(*unstructured.Unstructured); ok {
				text += fmt.Sprint(" ", u.Object["readOnlyPort"])
			}
			if o.GetNamespace() != "" || o.APIVersion == "" {
				t.Errorf("%s %s is in namespace %q", o.APIVersion, text, o.GetNamespace())
			}
			got.others = append(got.others, text)
		}
		if g := item.Gap; g != nil {
			text := g.Kind.Kind
			if g.Object != nil {
				text += " " + g.Object.GetName()
				if g.Object.GroupKind() != g.Kind || g.Object.APIVersion != "kubelet.config.k8s.io/v1beta1" {
					t.Errorf("the gap of %v is about %v", g.Kind, g.Object.Ref())
				}
			}
			got.missed = append(got.missed, text+": "+g.Reason)
		}
		if item.Coverage != nil {
			got.coverage = append(got.coverage, *item.Coverage)
		}
	}
	return &got
}

// expect compares texts of which only the beginnings, after the first colon any
// part, are given.
func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range want {
		name, part, _ := strings.Cut(want[i], ": ")
		ok = ok && strings.HasPrefix(got[i], name) && strings.Contains(got[i], part)
	}
	if !ok {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestKubelets(t *testing.T) {
	s := newServer(t)
	a, b := newKubelet(t, says(0)), newKubelet(t, denies)
	c := newKubelet(t, says(10255))
	s.node("a", a)
	s.node("b", b)
	s.node("c", c)
	s.node("d", nil)
	got := readKubelets(t, s.client(t), Options{Kubelets: a.signs(t)})
	// One that says nothing leaves the others what they are.
	expect(t, "objects", got.others, "KubeletConfiguration a 0", "KubeletConfiguration c 10255")
	expect(t, "gaps", got.missed, `KubeletConfiguration b: get nodes/configz`, `KubeletConfiguration d: tells no address`)
	expect(t, "coverage", got.gaps(), "node/b forbidden", "node/d unreadable")
	if got.complete() {
		t.Error("it is complete")
	}
	if a.asked.Load() != 1 || b.asked.Load() != 1 || c.asked.Load() != 1 {
		t.Error("not each was asked once")
	}
	if n := slices.DeleteFunc(s.asked(), func(s string) bool { return !strings.Contains(s, "nodes") }); !slices.Equal(n, []string{"nodes"}) {
		t.Errorf("the server was asked for %q", n)
	}
}

func TestKubeletsAndNodes(t *testing.T) {
	s := newServer(t)
	a := newKubelet(t, says(1))
	s.node("a", a)
	got := readKubelets(t, s.client(t), Options{Kubelets: a.signs(t), Others: []schema.GroupKind{kubeletGroupKind, nodeGroupKind}})
	expect(t, "objects", got.others, "Node a", "KubeletConfiguration a 1")
	expect(t, "gaps", got.missed)
	if n := slices.DeleteFunc(s.asked(), func(s string) bool { return !strings.Contains(s, "nodes") }); !slices.Equal(n, []string{"nodes"}) {
		t.Errorf("the server was asked for %q", n)
	}
}

func TestNoKubelets(t *testing.T) {
	t.Run("nobody asks", func(t *testing.T) {
		s := newServer(t)
		a := newKubelet(t, says(1))
		s.node("a", a)
		src, err := New(s.client(t), Options{Kubelets: kube.KubeletOptions{CertificateAuthority: "no such file"}, Others: []schema.GroupKind{nodeGroupKind}})
		if err != nil || src.Kubelets() != nil {
			t.Fatal(err)
		}
		readKubelets(t, s.client(t), Options{Others: []schema.GroupKind{nodeGroupKind}})
		if a.asked.Load() != 0 {
			t.Error("it was asked")
		}
	})
	t.Run("no nodes", func(t *testing.T) {
		got := readKubelets(t, newServer(t).client(t), Options{})
		expect(t, "objects", got.others)
		expect(t, "gaps", got.missed)
		expect(t, "coverage", got.gaps())
	})
	t.Run("nodes are forbidden", func(t *testing.T) {
		s := newServer(t)
		s.forbid(kube.Nodes, "")
		got := readKubelets(t, s.client(t), Options{})
		expect(t, "gaps", got.missed, "KubeletConfiguration: which nodes there are is not known: listing nodes")
		expect(t, "coverage", got.gaps(), "kind/kubeletconfigurations.kubelet.config.k8s.io forbidden")
		got = readKubelets(t, s.client(t), Options{Others: []schema.GroupKind{kubeletGroupKind, nodeGroupKind}})
		expect(t, "gaps", got.missed, "Node: listing nodes", "KubeletConfiguration: which nodes there are is not known: listing nodes")
		expect(t, "coverage", got.gaps(), "kind/nodes not-reviewed", "kind/kubeletconfigurations.kubelet.config.k8s.io forbidden")
	})
	t.Run("only a namespace", func(t *testing.T) {
		s := newServer(t)
		a := newKubelet(t, says(1))
		s.node("a", a)
		s.namespace("shop")
		got := readKubelets(t, s.client(t), Options{Namespaces: []string{"shop"}, Kubelets: a.signs(t)})
		expect(t, "gaps", got.missed, "KubeletConfiguration: only the namespaces that were asked for are read")
		expect(t, "coverage", got.gaps())
		if a.asked.Load() != 0 {
			t.Error("it was asked")
		}
	})
	t.Run("no authority", func(t *testing.T) {
		s := newServer(t)
		a := newKubelet(t, says(1))
		s.node("a", a)
		s.node("b", a)
		got := readKubelets(t, s.client(t), Options{})
		expect(t, "gaps", got.missed, "KubeletConfiguration: none of 2 kubelets told its configuration: the kubelet of node \"a\": the kubeconfig names no authority")
		expect(t, "coverage", got.gaps(), "kind/kubeletconfigurations.kubelet.config.k8s.io unreadable")
		if a.asked.Load() != 0 {
			t.Error("it was asked")
		}
	})
	t.Run("a file without an authority", func(t *testing.T) {
		o := Options{Kubelets: kube.KubeletOptions{CertificateAuthority: "no such file"}, Others: []schema.GroupKind{kubeletGroupKind}}
		if _, err := New(newServer(t).client(t), o); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Error(err)
		}
	})
}

func TestKubeletsThroughTheAPIServer(t *testing.T) {
	s := newServer(t)
	a := newKubelet(t, says(1))
	for _, name := range []string{"a", "b", "c"} {
		s.node(name, a)
	}
	var proxied atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		node, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/nodes/"), "/proxy/configz")
		switch {
		case !ok:
			s.ServeHTTP(w, r)
		case node == "b":
			proxied.Add(1)
			denies(w, r)
		default:
			proxied.Add(1)
			says(2)(w, r)
		}
	}))
	t.Cleanup(front.Close)
	s.URL = front.URL
	got := readKubelets(t, s.client(t), Options{Kubelets: kube.KubeletOptions{Proxy: true}})
	expect(t, "objects", got.others, "KubeletConfiguration a 2", "KubeletConfiguration c 2")
	expect(t, "gaps", got.missed, "KubeletConfiguration b: get nodes/proxy")
	expect(t, "coverage", got.gaps(), "node/b forbidden")
	if proxied.Load() != 3 || a.asked.Load() != 0 {
		t.Errorf("%d through the server, %d directly", proxied.Load(), a.asked.Load())
	}
}

func TestKubeletsNeeds(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want []string // of those about nodes, * for required
	}{
		{"directly", Options{}, []string{"list nodes *", "get nodes/configz *"}},
		{"through the API server", Options{Kubelets: kube.KubeletOptions{Proxy: true}}, []string{"list nodes *", "get nodes/proxy *"}},
		{"and architectures", Options{Nodes: true}, []string{"list nodes *", "get nodes/configz *"}},
		{"and nodes", Options{Nodes: true, Others: []schema.GroupKind{nodeGroupKind, kubeletGroupKind}}, []string{"list nodes *", "get nodes/configz *"}},
		{"of some namespaces", Options{Namespaces: []string{"shop"}}, nil},
		{"of some namespaces, and architectures", Options{Namespaces: []string{"shop"}, Nodes: true}, []string{"list nodes"}},
		{"nobody asks", Options{Nodes: true, Others: []schema.GroupKind{nodeGroupKind}}, []string{"list nodes"}},
	} {
		if tt.o.Others == nil {
			tt.o.Others = []schema.GroupKind{kubeletGroupKind}
		}
		src, err := New(newServer(t).client(t), tt.o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range src.Needs() {
			if n.Resource != kube.Nodes {
				continue
			}
			text := n.Verb + " " + n.Resource.String()
			if n.Subresource != "" {
				text += "/" + n.Subresource
			}
			if n.Required {
				text += " *"
			}
			if n.For == "" || n.Namespace != "" {
				t.Errorf("%s: %+v", tt.name, n)
			}
			got = append(got, text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Nothing that a kubelet says is taken for metadata, and what kubelets have in
// common stays what it is.
func TestConfigurationsAreNamedAfterNodes(t *testing.T) {
	shared := map[string]any{"metadata": map[string]any{"name": "x", "namespace": "y", "labels": map[string]any{"a": "b"}}, "kind": "Pod", "port": int64(1)}
	var all []*index.Object
	for _, node := range []string{"a", "b"} {
		all = append(all, configOf(&answer{node: node, config: shared}))
	}
	for i, name := range []string{"a", "b"} {
		o := all[i]
		if o.GetName() != name || o.GetNamespace() != "" || len(o.GetLabels()) > 0 || o.GroupKind() != kubeletGroupKind {
			t.Errorf("%+v", o)
		}
	}
	if shared["kind"] != "Pod" {
		t.Error("what they share was changed")
	}
}
