package cluster

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// manyPods serves so many pods of 4 KB, 100 in a namespace, without having them.
func manyPods(t *testing.T, number int) *kube.Client {
	t.Helper()
	const each = 100
	whole := build(t, kube.Pods, metav1.ObjectMeta{
		Namespace: "ns-0000", Name: "pod-000000", Annotations: map[string]string{"text": strings.Repeat("0123456789", 200)},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(`"` + strings.Repeat("f", 2000) + `"`)}},
	})
	name, namespace := bytes.Index(whole, []byte("pod-000000")), bytes.Index(whole, []byte("ns-0000"))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			http.NotFound(w, r)
			return
		}
		q, err := parse(r)
		if err != nil {
			t.Error(err)
			return
		}
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(q.token)
		kind, to := q.resource.Kind, from
		if q.metadata {
			kind = "PartialObjectMetadata"
		}
		meta := metav1.ListMeta{ResourceVersion: "7"}
		if q.resource == kube.Pods {
			if to = min(from+limit, number); to < number {
				meta.Continue = strconv.Itoa(to)
			}
		}
		raw := appendMessage(t, make([]byte, 0, (to-from)*(len(whole)+8)+64), 1, &meta)
		for i := from; i < to; i++ {
			raw = protowire.AppendTag(raw, 2, protowire.BytesType)
			raw = protowire.AppendVarint(raw, uint64(len(whole)))
			raw = append(raw, whole...)
			pod := raw[len(raw)-len(whole):]
			copy(pod[name:], fmt.Sprintf("pod-%06d", i))
			copy(pod[namespace:], fmt.Sprintf("ns-%04d", i/each))
		}
		send(w, http.StatusOK, kind+"List", raw)
	}))
	t.Cleanup(s.Close)
	return (&server{Server: s}).client(t)
}

// liveHeap reads so many pods and returns the most memory that was in use at
// any of some moments, the fake server's included.
func liveHeap(t *testing.T, number int) uint64 {
	t.Helper()
	src, err := New(manyPods(t, number), Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, most := 0, uint64(0)
	var m runtime.MemStats
	for item, err := range src.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Coverage != nil {
			t.Fatal(item.Coverage)
		}
		if item.Object == nil {
			continue
		}
		if n++; n%(number/20) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	if n != number {
		t.Fatalf("%d of %d pods", n, number)
	}
	return most
}

// Memory does not grow with the cluster: ten times as many pods take as much.
func TestMemoryIsBounded(t *testing.T) {
	few := liveHeap(t, 5_000)
	many := liveHeap(t, 50_000)
	t.Logf("live heap: %d KiB with 5,000 pods, %d KiB with 50,000", few>>10, many>>10)
	// 50,000 pods are 200 MB. A few pages may come and go by chance.
	if slack := uint64(4 << 20); many > few+slack {
		t.Errorf("the heap grows with the cluster: %d KiB with 5,000 pods, %d KiB with 50,000", few>>10, many>>10)
	}
}
