package imagevolume

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// serve is an API server for the one fault that a real one of today does not
// produce any more: it does not know image volumes.
func serve(t *testing.T, answer func(w http.ResponseWriter, pod *corev1.Pod)) *Collector {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Query().Get("dryRun") != "All" || r.URL.Path != "/api/v1/namespaces/home/pods" {
			t.Errorf("%s %s: nothing but a dry run was expected", r.Method, r.URL)
		}
		var pod corev1.Pod
		if err := json.NewDecoder(r.Body).Decode(&pod); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		answer(w, &pod)
	}))
	t.Cleanup(s.Close)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	var o kube.Options
	o.Overrides.ClusterInfo.Server = s.URL
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	target := collect.Target{Target: snapshot.Target{Namespace: "shop", Pod: "cart", Container: "app", Node: "n", ImageID: "sha256:" + hex64}}
	return New(client, target, Options{Namespace: "home", Image: "i"})
}

func TestAServerWithoutImageVolumes(t *testing.T) {
	dropped := serve(t, func(w http.ResponseWriter, pod *corev1.Pod) {
		pod.Spec.Volumes[0].Image = nil
		_ = json.NewEncoder(w).Encode(pod)
	})
	refused := serve(t, func(w http.ResponseWriter, _ *corev1.Pod) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity,
			Message: `Pod "assay-image-x" is invalid: spec.volumes[0]: Required value: must specify a volume type`,
		})
	})
	for name, c := range map[string]*Collector{"dropped": dropped, "refused": refused} {
		if err := c.Preflight(t.Context()); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "ImageVolume") {
			t.Errorf("%s: %v", name, err)
		}
		// It fails before anything is made, so there is nothing to delete.
		if _, err := c.Collect(t.Context(), &snapshot.Plan{}, snapshot.NewBuilder(snapshot.Limits{})); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatTheKubeletSays(t *testing.T) {
	for _, tt := range []struct {
		start remote.StartError
		kind  error
		words string
	}{
		{remote.StartError{Reason: "ErrImageNeverPull", Message: "x"}, ErrImageMissing, "namespace home"},
		{remote.StartError{Reason: "ImageInspectError", Message: "sha256:" + hex64}, ErrImageMissing, "secret"},
		{remote.StartError{Reason: "ErrImagePull", Message: "pulling i"}, nil, "can't get the image i"},
		{remote.StartError{Reason: "CreateContainerError", Message: "the container runtime does not know image volumes: image volume"}, ErrUnsupported, "can't mount it"},
		{remote.StartError{Reason: "OutOfcpu", Message: "Node didn't have enough resource"}, nil, "node n has no room"},
	} {
		c := New(nil, collect.Target{Target: snapshot.Target{Node: "n"}}, Options{Namespace: "home", Image: "i"})
		c.made = c.pod("sha256:" + hex64)
		err := c.explain(&tt.start)
		if tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), tt.start.Reason) {
			t.Errorf("%v: %v", tt.start, err)
		}
	}
}
