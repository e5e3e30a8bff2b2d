package kube

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bigPod is about 8 KB, as pods of a real cluster are.
func bigPod(i int) corev1.Pod {
	p := pod("shop", fmt.Sprintf("cart-%05d", i))
	random := rand.New(rand.NewPCG(1, uint64(i)))
	var config strings.Builder
	for range 150 { // pods pack to about a fifth of their size
		fmt.Fprintf(&config, "key-%x: value; ", random.Uint32())
	}
	p.Annotations = map[string]string{"example.com/config": config.String()}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "kubelet", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(strings.Repeat(`{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{}}}}`, 90)),
	}}
	return p
}

// BenchmarkPages reads 20 pages of 500 pods of 8 KB, without decoding them: the
// allocations must be those of requests, not of pods. "gzip" shows what
// compression costs on one machine, the server's part (level 1, as the API
// server does it) included.
func BenchmarkPages(b *testing.B) {
	const pages, size = 20, 500
	list := &corev1.PodList{}
	for i := range size {
		list.Items = append(list.Items, bigPod(i))
	}
	bodies := make([][]byte, pages)
	for i := range bodies {
		list.Items[size-1].Name = fmt.Sprintf("last-%03d", i) // each page must end further on
		list.Continue = strconv.Itoa(i + 1)
		if i == pages-1 {
			list.Continue = ""
		}
		bodies[i] = encode(b, "PodList", list)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		w.Header().Set("Content-Type", protobufType)
		if r.Header.Get("Accept-Encoding") != "gzip" {
			_, _ = w.Write(bodies[i])
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, _ = z.Write(bodies[i])
		_ = z.Close()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, bb := range []struct {
		name           string
		zip, ahead, at bool
	}{{"plain", false, false, false}, {"prefetch", false, true, false}, {"gzip", true, false, false}, {"plain and decoded", false, false, true}} {
		b.Run(bb.name, func(b *testing.B) {
			var o Options
			o.Overrides.ClusterInfo.Server = server.URL
			o.Overrides.ClusterInfo.InsecureSkipTLSVerify = true
			c, err := Connect(o)
			if err != nil {
				b.Fatal(err)
			}
			c.gzip = bb.zip
			b.ReportAllocs()
			b.SetBytes(int64(pages * len(bodies[0])))
			for b.Loop() {
				n := 0
				for page, err := range c.Pages(b.Context(), Pods, ListOptions{Prefetch: bb.ahead}) {
					if err != nil {
						b.Fatal(err)
					}
					for raw := range page.Items() {
						n++
						if bb.at {
							var p corev1.Pod
							if err := p.Unmarshal(raw); err != nil {
								b.Fatal(err)
							}
						}
					}
				}
				if n != pages*size {
					b.Fatalf("%d pods", n)
				}
			}
		})
	}
}

// canned answers every request with the same body, without a network.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {protobufType}},
		Body: io.NopCloser(bytes.NewReader(c)), Request: r,
	}, nil
}

// A list allocates for its requests, not for its items.
func TestAllocationsDoNotGrowWithItems(t *testing.T) {
	newPlace(t)
	var o Options
	o.Overrides.ClusterInfo.Server = "https://127.0.0.1:1"
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	list := func(items int) float64 {
		var l corev1.PodList
		for i := range items {
			l.Items = append(l.Items, bigPod(i))
		}
		c.http.Transport = canned(encode(t, "PodList", &l))
		return testing.AllocsPerRun(20, func() {
			n := 0
			for page, err := range c.Pages(t.Context(), Pods, ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				for range page.Items() {
					n++
				}
			}
			if n != items {
				t.Fatalf("%d items of %d", n, items)
			}
		})
	}
	few, many := list(1), list(300)
	t.Logf("%.0f allocations for a page of 1, %.0f for a page of 300", few, many)
	if many > few+20 {
		t.Errorf("%.0f allocations for a page of 300, %.0f for a page of 1", many, few)
	}
}

// BenchmarkItems goes over one page in memory: no allocation for an item.
func BenchmarkItems(b *testing.B) {
	list := &corev1.PodList{}
	for i := range 500 {
		list.Items = append(list.Items, bigPod(i))
	}
	body := bytes.Clone(encode(b, "PodList", list))
	b.ReportAllocs()
	for b.Loop() {
		p, err := parsePage(body, "PodList")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for range p.Items() {
			n++
		}
		if n != 500 {
			b.Fatal(n)
		}
	}
}
