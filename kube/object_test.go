package kube

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// clientOf connects to a server that answers as handle says.
func clientOf(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	var o Options
	o.Overrides.ClusterInfo.Server = s.URL
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	c.patience.wait = func(context.Context, time.Duration) error { return nil }
	return c
}

func answerJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

var cart = Ref{Resource: Pods, Namespace: "shop", Name: "cart"}

// A write whose fate is unknown is not repeated: it might be done twice.
func TestCreateIsRepeatedOnlyWhenUndone(t *testing.T) {
	for code, want := range map[int]int32{http.StatusTooManyRequests: 2, http.StatusInternalServerError: 1, http.StatusGatewayTimeout: 1} {
		var calls atomic.Int32
		c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				answerJSON(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Message: "no"})
				return
			}
			answerJSON(w, http.StatusCreated, pod("shop", "cart"))
		})
		in := pod("shop", "cart")
		err := c.Create(t.Context(), cart, &in, nil, WriteOptions{})
		if calls.Load() != want || (err == nil) != (want == 2) {
			t.Errorf("after %d: %d calls, error %v; want %d calls", code, calls.Load(), err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "creating pods/cart in namespace shop: ") {
			t.Errorf("after %d the error does not say what was tried: %v", code, err)
		}
	}
}

func TestWritesOnTheWire(t *testing.T) {
	var got, body string
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type"), string(b)
		answerJSON(w, http.StatusOK, pod("shop", "cart"))
	})
	in := struct {
		A int `json:"a"`
	}{1}
	grace := int64(0)
	token := Ref{Resource: ServiceAccounts, Namespace: "shop", Name: "cart", Subresource: "token"}
	for _, tt := range []struct {
		name      string
		do        func() error
		got, body string
	}{
		{"create", func() error { return c.Create(t.Context(), cart, in, nil, WriteOptions{DryRun: true}) }, "POST /api/v1/namespaces/shop/pods?dryRun=All application/json", `{"a":1}`},
		{"token", func() error { return c.Create(t.Context(), token, in, nil, WriteOptions{}) }, "POST /api/v1/namespaces/shop/serviceaccounts/cart/token application/json", `{"a":1}`},
		{"patch", func() error {
			return c.Patch(t.Context(), cart, types.StrategicMergePatchType, []byte(`{"b":2}`), nil, WriteOptions{})
		}, "PATCH /api/v1/namespaces/shop/pods/cart application/strategic-merge-patch+json", `{"b":2}`},
		{"delete", func() error {
			return c.Delete(t.Context(), cart, WriteOptions{UID: "u1", GracePeriod: &grace})
		}, "DELETE /api/v1/namespaces/shop/pods/cart application/json", `{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"preconditions":{"uid":"u1"}}`},
	} {
		if err := tt.do(); err != nil || got != tt.got || body != tt.body {
			t.Errorf("%s: %v\n got %s %s\nwant %s %s", tt.name, err, got, body, tt.got, tt.body)
		}
	}
}

// Without its name an object's path is that of all of them.
func TestRefsWithoutNames(t *testing.T) {
	c := clientOf(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	for _, ref := range []Ref{{}, {Resource: Pods, Namespace: "shop"}, {Resource: Pods, Name: "cart"}} {
		if err := c.Delete(t.Context(), ref, WriteOptions{}); err == nil {
			t.Errorf("deleting %+v was tried", ref)
		}
	}
}

func TestAwait(t *testing.T) {
	var reads, watches atomic.Int32
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		p := pod("shop", "cart")
		p.ResourceVersion = "7"
		if r.URL.Query().Get("watch") == "" {
			reads.Add(1)
			answerJSON(w, http.StatusOK, p)
			return
		}
		if got := r.URL.Query().Get("fieldSelector"); got != "metadata.name=cart" {
			t.Errorf("watching %q", got)
		}
		event := func(kind watch.EventType, o any) {
			raw, _ := json.Marshal(o)
			_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": json.RawMessage(raw)})
		}
		switch watches.Add(1) {
		case 1: // too old
			event(watch.Error, metav1.Status{Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired})
		case 2: // ends in good order, after a change that is not the one waited for
			event(watch.Bookmark, p)
			event(watch.Modified, p)
		default:
			p.Status.Phase = corev1.PodRunning
			event(watch.Modified, p)
		}
	})
	seen := 0
	err := Await(t.Context(), c, cart, func(p *corev1.Pod) (bool, error) {
		seen++
		return p.Status.Phase == corev1.PodRunning, nil
	})
	if err != nil || reads.Load() != 3 || watches.Load() != 3 || seen != 5 {
		t.Errorf("%v after %d reads, %d watches, %d states; want 3, 3, 5", err, reads.Load(), watches.Load(), seen)
	}
}

func TestAwaitDeleted(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			answerJSON(w, http.StatusOK, pod("shop", "cart"))
			return
		}
		answerJSON(w, http.StatusOK, map[string]any{"type": watch.Deleted, "object": pod("shop", "cart")})
	})
	err := Await(t.Context(), c, cart, func(*corev1.Pod) (bool, error) { return false, nil })
	if !apierrors.IsNotFound(err) {
		t.Errorf("the object was deleted, and that is told as %v", err)
	}
}

func TestWithToken(t *testing.T) {
	var got atomic.Value
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		answerJSON(w, http.StatusOK, pod("shop", "cart"))
	})
	d, err := c.WithToken("t0ken")
	if err != nil {
		t.Fatal(err)
	}
	var p corev1.Pod
	if err := d.Read(t.Context(), cart, &p); err != nil || got.Load() != "Bearer t0ken" {
		t.Errorf("%v, with %q", err, got.Load())
	}
	if c.Stats().Total() != 1 {
		t.Errorf("the call is not counted with those of the first client: %v", c.Stats())
	}
	if _, err := c.WithToken(""); err == nil {
		t.Error("an empty token is taken")
	}
}
