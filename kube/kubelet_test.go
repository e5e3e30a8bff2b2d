package kube

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube/audit"
)

const plainConfig = `{"kubeletconfig":{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1","port":10250,"authentication":{"anonymous":{"enabled":false}}}}`

// tells answers as a kubelet does.
func tells(answer string) fault {
	return func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}
}

// refuses answers in a kubelet's plain words.
func refuses(code int, words string) fault {
	return func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) { http.Error(w, words, code) }
}

// breaksOff ends the connection before the end of the answer.
func breaksOff(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "500")
	_, _ = w.Write([]byte(plainConfig))
	panic(http.ErrAbortHandler)
}

// first answers so once, and then as the other.
func first(a, b fault) fault {
	asked := false
	return func(f *fakeServer, w http.ResponseWriter, r *http.Request) {
		if !asked {
			asked = true
			a(f, w, r)
			return
		}
		b(f, w, r)
	}
}

// kubelet is a kubelet on this machine.
func (f *fakeServer) kubelet(t *testing.T, answer fault) Kubelet {
	t.Helper()
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		answer(f, w, r)
		return true
	}
	at := netip.MustParseAddrPort(f.Listener.Addr().String())
	return Kubelet{Node: "n1", Address: at.Addr().String(), Port: int32(at.Port())}
}

func (c *Client) kubelets(t *testing.T, o KubeletOptions) *Kubelets {
	t.Helper()
	k, err := c.Kubelets(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// noAPI makes every answer of an API server impossible: no such server is there.
func noAPI(o *Options) { o.Overrides.ClusterInfo.Server = "https://no-such-host.invalid" }

func TestKubeletConfig(t *testing.T) {
	f := newFake(t, nil)
	at := f.kubelet(t, tells(plainConfig))
	for name, change := range map[string]func(*Options){
		"as it is":                             func(*Options) {},
		"the API server goes by another name":  func(o *Options) { o.Overrides.ClusterInfo.TLSServerName = "other.example" },
		"requests to the API server are few":   func(o *Options) { o.QPS = 0.001 },
		"requests to the API server take long": func(o *Options) { o.Overrides.Timeout = "0" },
	} {
		t.Run(name, func(t *testing.T) {
			f.requests = nil
			c, _ := f.client(t, noAPI, change)
			for range 2 {
				got, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at)
				want := map[string]any{
					"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "port": int64(10250),
					"authentication": map[string]any{"anonymous": map[string]any{"enabled": false}},
				}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("err = %v\n%s", err, diff)
				}
			}
			if f.count() != 2 {
				t.Fatalf("%d requests, want 2", f.count())
			}
			r := f.requests[0]
			if r.Method != http.MethodGet || r.RequestURI != "/configz" || r.Header.Get("Authorization") != "Bearer very-secret" || !r.Close {
				t.Errorf("asked %s %s, %v, close %v", r.Method, r.RequestURI, r.Header, r.Close)
			}
		})
	}
}

// What goes wrong with one kubelet says so, and what to do.
func TestKubeletErrors(t *testing.T) {
	elsewhere := newFake(t, nil)
	elsewhere.kubelet(t, tells(plainConfig))
	large := `{"kubeletconfig":{"port":` + strings.Repeat("1", largestKubelet) + `}}`
	for _, tt := range []struct {
		name   string
		answer fault
		asked  int
		is     func(error) bool
		says   string
	}{
		{"unauthorized", refuses(401, "Unauthorized"), 1, apierrors.IsUnauthorized, "does not take our credentials (the server answered 401 Unauthorized: Unauthorized): kubelets take tokens where authentication.webhook.enabled"},
		{"forbidden", refuses(403, "Forbidden (user=jo, verb=get)"), 1, apierrors.IsForbidden, "Forbidden (user=jo, verb=get)): it takes the permission to get nodes/configz"},
		{"not found", refuses(404, "404 page not found"), 1, apierrors.IsNotFound, "is enableDebuggingHandlers off"},
		{"redirect", func(_ *fakeServer, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/configz", http.StatusTemporaryRedirect)
		}, 1, nil, "it sends us elsewhere (307 Temporary Redirect), where we don't go"},
		{"an error that stays", refuses(503, "not now"), 2, apierrors.IsServiceUnavailable, "not now"},
		{"no answer", drops, 2, nil, "cannot reach https://127.0.0.1:"},
		{"no JSON", tells("hello"), 1, nil, "its answer can't be understood: it is not JSON"},
		{"half of it", tells(plainConfig[:40]), 1, nil, "its answer can't be understood: it is not JSON"},
		{"another version", tells(`{"kubeletconfig":{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v2"}}`), 1, nil, `of kind "KubeletConfiguration" and version "kubelet.config.k8s.io/v2", and only`},
		{"too large", tells(large), 1, func(err error) bool { return errors.Is(err, errTooLarge) }, "too large"},
		{"cut off", breaksOff, 2, nil, "cannot reach https://127.0.0.1:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			at := f.kubelet(t, tt.answer)
			c, _ := f.client(t, noAPI)
			got, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at)
			var of *KubeletError
			if got != nil || !errors.As(err, &of) || of.Node != "n1" || !strings.HasPrefix(err.Error(), `the kubelet of node "n1": `) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, %v", got, err)
			}
			if tt.is != nil && !tt.is(err) {
				t.Errorf("%v is another kind of error: %#v", err, of.Err)
			}
			if f.count() != tt.asked {
				t.Errorf("asked %d times, want %d", f.count(), tt.asked)
			}
		})
	}
	if elsewhere.count() != 0 {
		t.Error("a redirect was followed")
	}
	t.Run("an error that passes", func(t *testing.T) {
		f := newFake(t, nil)
		at := f.kubelet(t, first(refuses(503, "not now"), tells(plainConfig)))
		c, _ := f.client(t, noAPI)
		if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at); err != nil || f.count() != 2 {
			t.Errorf("%v after %d requests", err, f.count())
		}
	})
	t.Run("in silence", func(t *testing.T) {
		f := newFake(t, nil)
		at := f.kubelet(t, stalls)
		c, _ := f.client(t, noAPI, func(o *Options) { o.Overrides.Timeout = "50ms" })
		began := time.Now()
		_, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at)
		if !IsTimeout(err) || !strings.Contains(err.Error(), "only from inside of the cluster") || f.count() != 1 {
			t.Errorf("%v after %d requests", err, f.count())
		}
		if took := time.Since(began); took >= kubeletTimeout {
			t.Errorf("it took %v, though the user gave it less", took)
		}
	})
	t.Run("without end", func(t *testing.T) {
		f := newFake(t, nil)
		sent := make(chan int, kubeletAttempts)
		at := f.kubelet(t, func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
			n := 0
			for chunk, err := make([]byte, 1<<20), error(nil); err == nil && n < largestAnswer; n += len(chunk) {
				_, err = w.Write(chunk)
			}
			sent <- n
		})
		c, _ := f.client(t, noAPI)
		if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at); !errors.Is(err, errTooLarge) {
			t.Error(err)
		}
		if n := <-sent; n > 32*largestKubelet { // most of it lies in the network's buffers
			t.Errorf("%d bytes were taken", n)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		f := newFake(t, nil)
		at := f.kubelet(t, stalls)
		c, _ := f.client(t, noAPI)
		f.Close()
		if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at); err == nil || !strings.Contains(err.Error(), "connection refused at https://127.0.0.1:") {
			t.Error(err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		f := newFake(t, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("no longer wanted")
		at := f.kubelet(t, func(_ *fakeServer, _ http.ResponseWriter, r *http.Request) { cancel(why); stall(r) })
		c, _ := f.client(t, noAPI)
		if _, err := c.kubelets(t, KubeletOptions{}).Config(ctx, at); !errors.Is(err, why) {
			t.Error(err)
		}
	})
}

// Through the API server, the same answers come, and nothing is sent to the kubelet.
func TestKubeletsThroughTheAPIServer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer fault
		asked  int
		says   string
	}{
		{"an answer", tells(plainConfig), 1, ""},
		{"the API server says no", answersStatus(403, metav1.StatusReasonForbidden), 1, "that takes the permission to get nodes/proxy"},
		{"the kubelet says no", refuses(403, "Forbidden (user=kube-apiserver)"), 1, "Forbidden (user=kube-apiserver)"},
		{"the node is down", answersStatus(503, metav1.StatusReasonServiceUnavailable), 2, "asked through the API server: made for this test"},
		{"the node is gone", answersStatus(404, metav1.StatusReasonNotFound), 1, "is it gone"},
		{"nonsense", tells(`{"kubeletconfig":[]}`), 1, "holds no kubeletconfig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			kubelet := newFake(t, nil)
			at := kubelet.kubelet(t, tells(plainConfig))
			f.kubelet(t, tt.answer)
			c, _ := f.client(t, func(o *Options) { o.Overrides.AuthInfo.Impersonate = "jo" })
			got, err := c.kubelets(t, KubeletOptions{Proxy: true}).Config(t.Context(), at)
			if tt.says == "" && (err != nil || got["port"] != int64(10250)) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, %v", got, err)
			}
			if f.count() != tt.asked || kubelet.count() != 0 {
				t.Errorf("%d requests, and %d to the kubelet", f.count(), kubelet.count())
			}
			if got := f.requests[0].RequestURI; got != "/api/v1/nodes/n1/proxy/configz" {
				t.Errorf("asked %s", got)
			}
		})
	}
}

// Calls to kubelets are counted and written down as all others are.
func TestKubeletCallsAreWrittenDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, nil)
	at := f.kubelet(t, tells(plainConfig))
	c, _ := f.client(t, func(o *Options) { o.Audit = log })
	for _, proxy := range []bool{false, true} {
		if _, err := c.kubelets(t, KubeletOptions{Proxy: proxy}).Config(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	if _, err := c.kubelets(t, KubeletOptions{}).Config(t.Context(), at); err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(map[int]int{200: 2, 0: 2}, c.Stats().Calls); diff != "" {
		t.Error(diff)
	}
	lines, _, _ := readTrail(t, log, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	address := "https://" + net.JoinHostPort(at.Address, f.Listener.Addr().String()[strings.LastIndex(f.Listener.Addr().String(), ":")+1:])
	for _, want := range []string{
		`"verb":"get","resource":"nodes/configz","name":"n1","path":"` + address + `/configz","status":200,"bytes":156`,
		`"verb":"get","resource":"nodes/proxy/configz","name":"n1","status":200`,
		`"path":"` + address + `/configz","status":0`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the trail lacks %s:\n%s", want, text)
		}
	}
	if lines != 4 || bytes.Contains(text, []byte("very-secret")) {
		t.Errorf("the trail:\n%s", text)
	}
}
