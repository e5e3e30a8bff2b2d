package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPages(t *testing.T) {
	for _, prefetch := range []bool{false, true} {
		for _, zip := range []bool{false, true} {
			for _, size := range []int{1, 3, 10, 50} {
				t.Run(fmt.Sprintf("prefetch=%v zip=%v size=%d", prefetch, zip, size), func(t *testing.T) {
					f := newFake(t, numbered(10))
					f.zip = zip
					c, _ := f.client(t)
					c.gzip = zip
					got, err := list(t, c, ListOptions{PageSize: size, Prefetch: prefetch})
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(f.keys(), got.keys); diff != "" {
						t.Error(diff)
					}
					if want := (10 + size - 1) / size; got.pages != want || f.count() != want {
						t.Errorf("%d pages in %d requests, want %d", got.pages, f.count(), want)
					}
				})
			}
		}
	}
}

func TestPagesAsksFor(t *testing.T) {
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			f.send(w, r, "PartialObjectMetadataList", &metav1.PartialObjectMetadataList{})
			return true
		}
		return false
	}
	c, _ := f.client(t)
	for _, o := range []ListOptions{
		{},
		{Namespace: "shop", LabelSelector: "app in (a,b)", FieldSelector: "spec.nodeName=n1", PageSize: 7},
		{MetadataOnly: true},
	} {
		if _, err := list(t, c, o); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range f.requests {
		got = append(got, r.URL.RequestURI(), r.Header.Get("Accept"))
		if ua := r.Header.Get("User-Agent"); !strings.HasPrefix(ua, "assay/v9 (") {
			t.Errorf("User-Agent is %q", ua)
		}
		if r.ProtoMajor != 2 {
			t.Errorf("spoke %s, want HTTP/2", r.Proto)
		}
	}
	want := []string{
		"/api/v1/pods?limit=500", protobufType,
		"/api/v1/namespaces/shop/pods?fieldSelector=spec.nodeName%3Dn1&labelSelector=app+in+%28a%2Cb%29&limit=7", protobufType,
		"/api/v1/pods?limit=500", protobufType + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPageTellsOfTheList(t *testing.T) {
	f := newFake(t, numbered(5))
	c, _ := f.client(t)
	for page, err := range c.Pages(t.Context(), Pods, ListOptions{PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if page.ResourceVersion != "1" || page.Remaining != 3 || page.Continue != "1.2" {
			t.Errorf("page = %+v", page)
		}
		break // and the rest must not be asked for
	}
	if f.count() != 1 {
		t.Errorf("%d requests, want 1", f.count())
	}
}

// A token expires in the middle and the error carries another one.
func TestExpiredTokenWithSuccessor(t *testing.T) {
	f := newFake(t, numbered(10))
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.URL.Query().Get("continue") != "1.4" {
			return false
		}
		f.generation = 2
		f.status(w, http.StatusGone, metav1.StatusReasonExpired, "2.4")
		return true
	}
	c, waits := f.client(t)
	got, err := list(t, c, ListOptions{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.keys(), got.keys); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, false, true, true, true}, got.inconsistent); diff != "" {
		t.Error(diff)
	}
	if len(*waits) > 0 {
		t.Errorf("waited %v", *waits)
	}
}

// A token expires and the error carries none: the list starts again, while
// pods have come and gone.
func TestExpiredTokenWithoutSuccessor(t *testing.T) {
	for _, size := range []int{1, 2, 3, 5} {
		for _, prefetch := range []bool{false, true} {
			t.Run(fmt.Sprintf("size=%d prefetch=%v", size, prefetch), func(t *testing.T) {
				// By bytes "a-b/…" comes before "a/…": the order that counts.
				f := newFake(t, podsIn("a/1", "a/2", "a/3", "a-b/1", "a-b/2", "b/1", "b/2", "b/3"))
				f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
					f.mu.Lock()
					defer f.mu.Unlock()
					if token := r.URL.Query().Get("continue"); f.generation != 1 || !slices.Contains([]string{"1.3", "1.4", "1.5"}, token) {
						return false
					}
					f.generation = 2
					// a-b/2 and a/1 are gone; a-b/0 is new, but lies behind us; b/0 is new ahead.
					f.pods = podsIn("a-b/0", "a-b/1", "a/2", "a/3", "b/0", "b/1", "b/2", "b/3")
					f.status(w, http.StatusGone, metav1.StatusReasonExpired, "")
					return true
				}
				c, _ := f.client(t)
				got, err := list(t, c, ListOptions{PageSize: size, Prefetch: prefetch})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.IsSorted(got.keys) || len(slices.Compact(slices.Clone(got.keys))) != len(got.keys) {
					t.Errorf("out of order or twice: %v", got.keys)
				}
				for _, k := range []string{"a/3", "b/0", "b/1", "b/2", "b/3"} {
					if !slices.Contains(got.keys, k) {
						t.Errorf("%s is missing in %v", k, got.keys)
					}
				}
				if slices.Contains(got.keys, "a-b/0") {
					t.Errorf("a-b/0 lies before what was handed out: %v", got.keys)
				}
				if got.inconsistent[0] || !got.inconsistent[len(got.inconsistent)-1] {
					t.Errorf("inconsistent: %v", got.inconsistent)
				}
			})
		}
	}
}

func TestTokensThatAlwaysExpire(t *testing.T) {
	for _, tt := range []struct {
		name  string
		token func(n int) string
	}{
		{"without successor", func(int) string { return "" }},
		{"with successor", func(n int) string { return fmt.Sprintf("%d.2", n) }},
		{"with the same successor", func(int) string { return "1.2" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, numbered(10))
			f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
				if r.URL.Query().Get("continue") == "" {
					return false
				}
				f.status(w, http.StatusGone, metav1.StatusReasonExpired, tt.token(n))
				return true
			}
			c, _ := f.client(t)
			got, err := list(t, c, ListOptions{PageSize: 2})
			if !apierrors.IsResourceExpired(err) || !strings.Contains(err.Error(), "forgets faster") {
				t.Errorf("err = %v", err)
			}
			if len(got.keys) != 2 {
				t.Errorf("got %v, want the first page once", got.keys)
			}
		})
	}
}

func TestGoneWithoutToken(t *testing.T) {
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		f.status(w, http.StatusGone, metav1.StatusReasonExpired, "1.2")
		return true
	}
	c, _ := f.client(t)
	if _, err := list(t, c, ListOptions{}); !apierrors.IsResourceExpired(err) || f.count() != 1 {
		t.Errorf("err = %v after %d requests: a list without a token can't expire", err, f.count())
	}
}

func TestServerGoesInCircles(t *testing.T) {
	for _, tt := range []struct {
		name string
		page func(n int) *corev1.PodList
	}{
		{"same token", func(n int) *corev1.PodList {
			l := &corev1.PodList{Items: podsIn(fmt.Sprintf("a/%d", n))}
			l.Continue = "same"
			return l
		}},
		{"two tokens in turn", func(n int) *corev1.PodList {
			l := &corev1.PodList{Items: podsIn(fmt.Sprintf("a/%d", n))}
			l.Continue = fmt.Sprint(n % 2)
			return l
		}},
		{"same page", func(n int) *corev1.PodList {
			l := &corev1.PodList{Items: podsIn("a/1", "a/2")}
			l.Continue = fmt.Sprint(n)
			return l
		}},
		{"empty pages", func(int) *corev1.PodList {
			l := &corev1.PodList{}
			l.Continue = "same"
			return l
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
				f.send(w, r, "PodList", tt.page(n))
				return true
			}
			c, _ := f.client(t)
			if _, err := list(t, c, ListOptions{}); err == nil || !strings.Contains(err.Error(), "goes in circles") {
				t.Errorf("err = %v", err)
			}
			if f.count() > 4 {
				t.Errorf("%d requests before it was noticed", f.count())
			}
		})
	}
}

func TestUnorderedListIsNotStartedAgain(t *testing.T) {
	f := newFake(t, nil)
	f.pods = []corev1.Pod{pod("c", "1"), pod("b", "1"), pod("a", "1")}
	c, _ := f.client(t)
	got, err := list(t, c, ListOptions{PageSize: 1})
	if err != nil || len(got.keys) != 3 {
		t.Fatalf("got %v, %v: an unordered list can be read all the same", got.keys, err)
	}
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Query().Get("continue") != "1.2" {
			return false
		}
		f.status(w, http.StatusGone, metav1.StatusReasonExpired, "")
		return true
	}
	got, err = list(t, c, ListOptions{PageSize: 1})
	if !apierrors.IsResourceExpired(err) || len(got.keys) != 2 {
		t.Errorf("got %v, %v: want an error after two", got.keys, err)
	}
}

func TestEmptyPageInTheMiddle(t *testing.T) {
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		l := &corev1.PodList{}
		if n < 3 {
			l.Continue = fmt.Sprint(n) // a selector may leave nothing of a page
		} else {
			l.Items = podsIn("a/1")
		}
		f.send(w, r, "PodList", l)
		return true
	}
	c, _ := f.client(t)
	if got, err := list(t, c, ListOptions{}); err != nil || len(got.keys) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestPageTooLarge(t *testing.T) {
	f := newFake(t, numbered(16))
	c, _ := f.client(t)
	c.largest = 3 * len(encode(t, "PodList", &corev1.PodList{Items: f.pods[:1]}))
	got, err := list(t, c, ListOptions{PageSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.keys(), got.keys); diff != "" {
		t.Error(diff)
	}
	c.largest = 10
	if _, err := list(t, c, ListOptions{PageSize: 16}); !errors.Is(err, errTooLarge) {
		t.Errorf("err = %v, want that it is too large", err)
	}
}

func TestCancelStopsAtOnce(t *testing.T) {
	for _, prefetch := range []bool{false, true} {
		t.Run(fmt.Sprintf("prefetch=%v", prefetch), func(t *testing.T) {
			f := newFake(t, numbered(10))
			ctx, cancel := context.WithCancel(t.Context())
			f.fault = func(_ http.ResponseWriter, r *http.Request, n int) bool {
				if n == 3 {
					cancel()
					stall(r)
				}
				return false
			}
			c, _ := f.client(t)
			start := time.Now()
			var last error
			for _, err := range c.Pages(ctx, Pods, ListOptions{PageSize: 1, Prefetch: prefetch}) {
				last = err
			}
			if !errors.Is(last, context.Canceled) || !strings.Contains(last.Error(), "listing pods") {
				t.Errorf("err = %v: an ended context must never look like the end of the list", last)
			}
			if IsTimeout(last) {
				t.Error("a cancelled list is no time-out")
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// Who leaves a list early leaves nothing behind that goes on reading.
func TestPrefetchEndsWithItsList(t *testing.T) {
	f := newFake(t, numbered(100))
	arrived, released := make(chan struct{}), make(chan struct{})
	f.fault = func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n == 3 {
			close(arrived)
			stall(r)
			close(released)
		}
		return false
	}
	c, _ := f.client(t)
	n := 0
	for _, err := range c.Pages(t.Context(), Pods, ListOptions{PageSize: 1, Prefetch: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			<-arrived
			break
		}
	}
	select {
	case <-released:
	case <-time.After(10 * time.Second):
		t.Error("the request for the next page goes on")
	}
}

func TestErrorsSayWhatWasListed(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    ListOptions
		want string
	}{
		{"everywhere", ListOptions{}, "listing pods in all namespaces: made for this test"},
		{"in one namespace", ListOptions{Namespace: "shop"}, "listing pods in namespace shop: made for this test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				f.status(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
				return true
			}
			c, _ := f.client(t)
			_, err := list(t, c, tt.o)
			if err == nil || err.Error() != tt.want || !apierrors.IsForbidden(err) {
				t.Errorf("err = %v, want %q, forbidden", err, tt.want)
			}
			if f.count() != 1 {
				t.Errorf("%d requests: no is no", f.count())
			}
		})
	}
}
